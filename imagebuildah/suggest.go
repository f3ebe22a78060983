package imagebuildah

import (
	"fmt"

	"github.com/projectatomic/buildah/internal/suggest"
)

// didYouMean ends a message with the word that was probably meant, if one of
// those that are known is close.
func didYouMean(word string, known []string) string {
	if near := suggest.Nearest(word, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}
