package suggest

import (
	"strings"
	"testing"
)

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"RUN", "ENV", "COPY", "U", "commit", "containers", "config", "--name"}
	for word, want := range map[string]string{
		"RNU":                     "RUN", // neighbours swapped
		"copy":                    "COPY",
		"comit":                   "commit",
		"contaniers":              "containers",
		"--anme":                  "--name",
		"x":                       "", // as close to U as to nothing
		"u":                       "U",
		"":                        "",
		"nothing":                 "",
		"RUN":                     "", // it is known, so nothing else was meant
		strings.Repeat("a", 1000): "",
	} {
		if got := Nearest(word, known); got != want {
			t.Errorf("Nearest(%.20q) = %q, want %q", word, got, want)
		}
	}
}
