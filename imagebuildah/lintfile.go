package imagebuildah

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/linter"
)

// files applies the rules about how a file is written.
func (l *linting) files(list []*instruction) {
	upper := map[*source]bool{}
	for src := range l.linters {
		upper[src] = mostlyUpper(list, src)
	}
	for _, in := range list {
		l.parserRules(in)
		l.casing(in, upper[in.src])
		l.emptyLines(in)
	}
}

// keyword is the instruction word as it was written.
func (in *instruction) keyword() string {
	word, _, _ := strings.Cut(strings.TrimSpace(in.src.line(in.node.StartLine)), " ")
	if !strings.EqualFold(word, in.node.Value) {
		return in.node.Value
	}
	return word
}

// mostlyUpper tells whether most of a file's instruction words are in capitals.
func mostlyUpper(list []*instruction, src *source) bool {
	upper, lower := 0, 0
	for _, in := range list {
		switch word := in.keyword(); {
		case in.src != src:
		case word == strings.ToLower(word):
			lower++
		case word == strings.ToUpper(word):
			upper++
		}
	}
	return upper >= lower
}

func (l *linting) casing(in *instruction, upper bool) {
	word, casing, want := in.keyword(), "lowercase", strings.ToLower(in.keyword())
	if upper {
		casing, want = "uppercase", strings.ToUpper(word)
	}
	if word != want {
		rule := &linter.RuleConsistentInstructionCasing
		l.run(in, rule, rule.Format(word, casing))
	}
}

// emptyLines finds empty lines where the one before goes on.
func (l *linting) emptyLines(in *instruction) {
	continued := false
	for n := in.node.StartLine; n <= in.node.EndLine; n++ {
		line := strings.TrimSpace(in.src.line(n))
		switch {
		case continued && line == "":
			l.empty = n
			rule := &linter.RuleNoEmptyContinuation
			l.run(in, rule, rule.Format())
			l.empty = 0
			return
		case continued && line[0] == '#':
			continue
		}
		if continued = strings.HasSuffix(line, string(in.src.escape)); !continued {
			return // what follows are here-documents
		}
	}
}
