package docs

import (
	"regexp"
	"strings"
	"testing"
)

// changing is what differs between two runs that are the same to a reader. Longer
// patterns come first: what one has replaced, the next does not see.
var changing = []struct {
	pattern *regexp.Regexp
	as      string
}{
	{regexp.MustCompile(`\b[0-9a-f]{12,64}\b`), "ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?( ?(Z|UTC|[+-]\d\d:?\d\d))*`), "TIME"},
	{regexp.MustCompile(`\b\d+ (second|minute|hour|day|week|month|year)s? ago|\b(About an? \w+|Less than a second|Just now|Now) ago|About \w+ \w+ ago`), "AGO"},
	{regexp.MustCompile(`\b\d+(\.\d+)?( ?([kKMG]i?)?B)\b`), "SIZE"},
	{regexp.MustCompile(`\b\d+(\.\d+)?(µs|ms|s|m\d+s)\b`), "DURATION"},
	{regexp.MustCompile(`[ \t]+`), " "},
}

// plain gives a line without what differs between runs.
func plain(line string) string {
	for _, c := range changing {
		line = c.pattern.ReplaceAllString(line, c.as)
	}
	return strings.TrimSpace(line)
}

// sameLine compares a line of a page, where "..." stands for any text, with a real one.
func sameLine(shown, real string) bool {
	parts := strings.Split(plain(shown), "...")
	for i, part := range parts {
		parts[i] = regexp.QuoteMeta(part)
	}
	return regexp.MustCompile("^" + strings.Join(parts, ".*") + "$").MatchString(plain(real))
}

// same compares the output that a page shows with a real one.
func same(shown, real []string) bool {
	if len(shown) == 0 {
		return len(real) == 0
	}
	if strings.TrimSpace(shown[0]) == "..." {
		for skip := 0; skip <= len(real); skip++ {
			if same(shown[1:], real[skip:]) {
				return true
			}
		}
		return false
	}
	return len(real) > 0 && sameLine(shown[0], real[0]) && same(shown[1:], real[1:])
}

// lines splits an output; empty lines at its end do not count.
func lines(text string) []string {
	text = strings.TrimRight(text, "\n ")
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		shown, real string
		want        bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"", "a", false},
		{"a", "", false},
		{"a\n...\nc", "a\nb\nb2\nc", true},
		{"a\n...\nc", "a\nb", false},
		{"...", "", true},
		{"step ... done", "step 1 is done", true},
		{"step ... done", "step 1 is not", false},
		{"0123456789ab  x  1.2 MB", "ba9876543210 x  77 KB", true},
		{"0123456789ab x", "ba987654321 x", false},
		{"took 0.3s", "took 12ms", true},
		{"2 hours ago", "3 minutes ago", true},
		{"1.2 of 3", "1.3 of 3", false},
	} {
		if got := same(lines(c.shown), lines(c.real)); got != c.want {
			t.Errorf("same(%q, %q) is %v", c.shown, c.real, got)
		}
	}
}
