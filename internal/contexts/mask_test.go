package contexts

import "testing"

func TestMask(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ADD https://me:hunter2@host/x https://a:b@c/y /z": "ADD https://me:xxxxxxx@host/x https://a:x@c/y /z",
		"ADD git://:pässe@host/x":                          "ADD git://:xxxxx@host/x",
		"ADD https://me@host:80/x@y /z":                    "ADD https://me@host:80/x@y /z",
		"RUN echo a:b@c ://":                               "RUN echo a:b@c ://",
		"COPY a b":                                         "COPY a b",
	} {
		if got := Mask(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
}
