package contexts

import (
	"regexp"
	"strings"
)

// password is one in an address that stands in a text; spaces and slashes end it.
var password = regexp.MustCompile(`://[^/\s:@]*:[^/\s@]+@`)

// Mask hides the passwords of all addresses in a text, which keeps its length.
func Mask(text string) string {
	if !strings.Contains(text, "://") {
		return text
	}
	return password.ReplaceAllStringFunc(text, func(found string) string {
		at := strings.IndexByte(found[len("://"):], ':') + len("://") + 1
		return found[:at] + strings.Repeat("x", len([]rune(found[at:len(found)-1]))) + "@"
	})
}
