package imagebuildah

import (
	"fmt"
	"slices"
	"strings"
)

// longestWord is the length from which nothing can have been meant.
const longestWord = 64

// didYouMean ends a message with the word that was probably meant, if one of
// those that are known is close.
func didYouMean(word string, known []string) string {
	lower, match := strings.ToLower(word), ""
	if len(word) > longestWord {
		return ""
	}
	limit := 1 + min(1, len(word)/4)
	slices.Sort(known)
	for _, k := range known {
		if d := distance(lower, strings.ToLower(k)); d > 0 && d <= limit {
			match, limit = k, d-1
		}
	}
	if match == "" {
		return ""
	}
	return fmt.Sprintf(" (did you mean %q?)", match)
}

// distance counts the letters to insert, delete, replace, or swap with their
// neighbour to turn a into b.
func distance(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
