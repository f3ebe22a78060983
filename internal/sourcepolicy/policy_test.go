package sourcepolicy

import (
	"errors"
	"strings"
	"testing"
)

func TestApply(t *testing.T) {
	t.Parallel()
	const digest = "sha256:0123456789012345678901234567890123456789012345678901234567890123"
	tests := map[string]struct{ rules, image, want string }{
		"no rule":              {``, "alpine", "alpine"},
		"exact, bare":          {`{"action":"DENY","selector":{"identifier":"docker-image://docker.io/library/alpine","matchType":"EXACT"}}`, "alpine", ""},
		"exact, other tag":     {`{"action":"DENY","selector":{"identifier":"docker-image://docker.io/library/alpine","matchType":"EXACT"}}`, "alpine:3", "alpine:3"},
		"bare means latest":    {`{"action":"DENY","selector":{"identifier":"docker-image://docker.io/library/alpine:latest","matchType":"EXACT"}}`, "alpine", ""},
		"wildcard by default":  {`{"action":"DENY","selector":{"identifier":"docker-image://docker.io/*"}}`, "docker://alpine:3", ""},
		"whole string":         {`{"action":"DENY","selector":{"identifier":"docker-image://docker.io"}}`, "alpine", "alpine"},
		"one character":        {`{"action":"DENY","selector":{"identifier":"docker-image://q/?:1","matchType":"WILDCARD"}}`, "q/aa:1", "q/aa:1"},
		"a dot is a dot":       {`{"action":"DENY","selector":{"identifier":"docker-image://quay.io/x:1"}}`, "quayxio/x:1", "quayxio/x:1"},
		"first rule decides":   {`{"action":"ALLOW","selector":{"identifier":"*/alpine"}},{"action":"DENY","selector":{"identifier":"*"}}`, "alpine", "alpine"},
		"converted to digest":  {`{"action":"CONVERT","selector":{"identifier":"*/alpine:3"},"updates":{"identifier":"docker-image://quay.io/a@` + digest + `"}}`, "alpine:3", "quay.io/a@" + digest},
		"a digest in a rule":   {`{"action":"DENY","selector":{"identifier":"*@` + digest + `"}}`, "alpine@" + digest, ""},
		"IDs have no rule":     {`{"action":"DENY","selector":{"identifier":"*"}}`, digest[7:] + "", digest[7:]},
		"files have no rule":   {`{"action":"DENY","selector":{"identifier":"*"}}`, "oci:/dir:x", "oci:/dir:x"},
		"converted only once":  {`{"action":"CONVERT","selector":{"identifier":"*/a"},"updates":{"identifier":"b"}},{"action":"DENY","selector":{"identifier":"*/b"}}`, "a", "b"},
		"registry with a port": {`{"action":"DENY","selector":{"identifier":"docker-image://localhost:5000/a:latest"}}`, "localhost:5000/a", ""},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := Parse([]byte(`{"version":1,"rules":[` + test.rules + `]}`))
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.Apply(test.image)
			if got != test.want || (err != nil) != (test.want == "") || err != nil && !errors.Is(err, ErrDenied) {
				t.Errorf("%q became %q, %v; wanted %q", test.image, got, err, test.want)
			}
		})
	}
	if got, err := (*Policy)(nil).Apply("x"); got != "x" || err != nil {
		t.Errorf("no policy says %q, %v", got, err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"rules":[{"selector":{"identifier":"a"}}]}`:                                             "rule 0: action is required",
		`{"rules":[{"action":"deny","selector":{"identifier":"a"}}]}`:                             "unknown action",
		`{"rules":[{"action":"DENY"}]}`:                                                           "selector.identifier is required",
		`{"rules":[{"action":"CONVERT","selector":{"identifier":"a"}}]}`:                          "updates.identifier is required for CONVERT action",
		`{"rules":[{"action":"DENY","selector":{"identifier":"a","matchType":"REGEX"}}]}`:         "REGEX match type is not supported",
		`{"rules":[{"action":"DENY","selector":{"identifier":"a","matchType":"SOME"}}]}`:          "unknown match type",
		`{"rules":[{"action":"DENY","selector":{"identifier":"a","constraints":[{"key":"k"}]}}]}`: "constraints",
		`{"rules":`:      "reading JSON",
		`{"rules":[]}{}`: "something follows",
		`[]`:             "reading JSON",
	} {
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, wanted %q", text, err, want)
		}
	}
}

func FuzzPolicy(f *testing.F) {
	f.Add([]byte(`{"rules":[{"action":"CONVERT","selector":{"identifier":"*/a?","matchType":"WILDCARD"},"updates":{"identifier":"b"}}]}`), "docker.io/library/ab")
	f.Fuzz(func(t *testing.T, text []byte, image string) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if got, err := p.Apply(image); err == nil && got == "" && image != "" {
			t.Errorf("%q became nothing", image)
		}
	})
}
