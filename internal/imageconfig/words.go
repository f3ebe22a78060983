package imageconfig

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/mattn/go-shellwords"
)

// ShellSplit splits s into words as a shell does: at white space, with single and
// double quotes and backslashes. Nothing is expanded, and operators such as ";"
// and "|" are ordinary characters.
func ShellSplit(s string) ([]string, error) {
	p := shellwords.NewParser()
	p.ParseEnv, p.ParseBacktick, p.ParseComment = false, false, false
	// The parser would silently drop what follows an operator.
	p.SetExcludeSeparators(';', '&', '|', '<', '>')
	words, err := p.Parse(s)
	if err != nil {
		return nil, fmt.Errorf("splitting %q into words: %w", s, err)
	}
	return words, nil
}

// ParseCommand understands the value of `--cmd`: blank is no command, a JSON array
// of strings is taken as it is, and everything else is split into words.
func ParseCommand(s string) ([]string, error) {
	if exact, ok := jsonWords(s); ok {
		return exact, nil
	}
	words, err := ShellSplit(s)
	if len(words) == 0 {
		return nil, err
	}
	return words, nil
}

// ParseEntrypoint understands the value of `--entrypoint`: blank is none, a JSON
// array of strings is taken as it is, and everything else is handed to a shell.
func ParseEntrypoint(s string) []string {
	if exact, ok := jsonWords(s); ok {
		return exact
	}
	if strings.TrimSpace(s) == "" {
		return nil
	}
	return append(defaultShell(), s)
}

// jsonWords decodes a JSON array of strings; an empty one is nil.
func jsonWords(s string) ([]string, bool) {
	if !strings.HasPrefix(strings.TrimSpace(s), "[") {
		return nil, false
	}
	var items []*string
	if json.Unmarshal([]byte(s), &items) != nil {
		return nil, false
	}
	var words []string
	for _, item := range items {
		if item == nil { // null is not a string
			return nil, false
		}
		words = append(words, *item)
	}
	return words, true
}
