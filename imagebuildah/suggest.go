package imagebuildah

import (
	"slices"

	"github.com/projectatomic/buildah/internal/suggest"
)

// didYouMean ends a message with the word that was probably meant, if one of
// those that are known is close.
func didYouMean(word string, known []string) string {
	slices.Sort(known) // some come from maps, and the same mistake gets the same answer
	return suggest.Instead(word, known...)
}
