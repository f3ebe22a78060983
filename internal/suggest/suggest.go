// Package suggest guesses which word was meant by a mistyped one, for the "did
// you mean" of messages.
package suggest

import (
	"fmt"
	"strings"
)

// longest is the length from which nothing can have been meant.
const longest = 64

// Nearest gives the known word that was probably meant, whatever its case, or ""
// when none is close: one slip for short words, two for longer ones, none for a
// letter. Of several equally close ones it is the first.
func Nearest(word string, known []string) string {
	if len(word) > longest {
		return ""
	}
	lower, best := strings.ToLower(word), ""
	limit := min(len(word)/2, 1+min(1, len(word)/5))
	for _, k := range known {
		if d := distance(lower, strings.ToLower(k)); d <= limit && k != word {
			best, limit = k, d-1
		}
	}
	return best
}

// Instead ends a message about a word with the one that was probably meant, if one
// of those that are known is close.
func Instead(word string, known ...string) string {
	if near := Nearest(word, known); near != "" {
		return fmt.Sprintf(" (did you mean %q?)", near)
	}
	return ""
}

// distance counts the letters to insert, delete, replace or swap with their
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
