package imagebuildah

import (
	"fmt"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
)

// word expands one word.
func (s *source) word(text string, vars shell.EnvGetter) (string, error) {
	lex := shell.NewLex(s.escape)
	text, vars = rewritten(lex, s.escape, true, text, vars)
	got, _, err := lex.ProcessWord(text, vars)
	return got, inWord(text, err)
}

// mount expands the value of a --mount. Quotes that the parser has left belong to
// the list of options, where they protect commas.
func (s *source) mount(text string, vars shell.EnvGetter) (string, error) {
	lex := shell.NewLex(s.escape)
	lex.SkipProcessQuotes = true
	got, _, err := lex.ProcessWord(text, vars)
	return got, inWord(text, err)
}

// inWord says in which word an expansion went wrong.
func inWord(text string, err error) error {
	if err == nil {
		return nil
	}
	reason := strings.TrimPrefix(err.Error(), fmt.Sprintf("failed to process %q: ", text))
	at := ""
	if strings.Contains(reason, "unsupported modifier (\uFFFD)") {
		reason = "missing \"}\""
	}
	if name, _, ok := strings.Cut(reason, ": "); ok && strings.Contains(text, "${"+name) {
		at = "${" + name // of ${name:?why}
	} else if i := strings.LastIndex(text, "${"); i >= 0 && !strings.Contains(reason, "quote") {
		at = substitution(text[i:])
	}
	return blame(text, blame(at, fmt.Errorf("word %q: %s", text, reason)))
}

// substitution is what a text begins with, to the end of the braces, or of the word.
func substitution(text string) string {
	if end := strings.IndexAny(text, "} \t\n\""); end >= 0 {
		return strings.TrimRight(text[:end+1], " \t\n\"")
	}
	return text
}

// document expands the body of a here-document, where quotes are plain characters.
func document(text string, vars shell.EnvGetter) (string, error) {
	lex := shell.NewLex('\\')
	lex.SkipProcessQuotes = true
	text, vars = rewritten(lex, '\\', false, text, vars)
	got, _, err := lex.ProcessWord(text, vars)
	return got, inWord(text, err)
}

// expanded gives the instruction with all its words expanded. They all see the
// variables as they were before the instruction.
func (in *instruction) expanded(vars shell.EnvGetter) (instructions.Command, error) {
	cmd, err := in.fresh()
	if err != nil {
		return nil, err
	}
	word := func(text string) (string, error) { return in.src.word(text, vars) }
	if c, ok := cmd.(instructions.SupportsSingleWordExpansion); ok {
		if err := c.Expand(word); err != nil {
			return nil, err
		}
	}
	if c, ok := cmd.(instructions.SupportsSingleWordExpansionRaw); ok {
		if err := c.ExpandRaw(func(text string) (string, error) { return document(text, vars) }); err != nil {
			return nil, err
		}
	}
	switch c := cmd.(type) {
	case *instructions.CopyCommand:
		if c.From, err = word(c.From); err != nil {
			return nil, err
		}
		err = expandAll(c.ExcludePatterns, word)
	case *instructions.AddCommand:
		err = expandAll(c.ExcludePatterns, word)
	case *instructions.ExposeCommand:
		c.Ports, err = in.src.words(c.Ports, vars)
	}
	return cmd, err
}

// words expands words that may each become several.
func (s *source) words(list []string, vars shell.EnvGetter) ([]string, error) {
	var all []string
	lex := shell.NewLex(s.escape)
	for _, text := range list {
		text, vars := rewritten(lex, s.escape, true, text, vars)
		got, err := lex.ProcessWords(text, vars)
		if err != nil {
			return nil, inWord(text, err)
		}
		all = append(all, got...)
	}
	return all, nil
}

func expandAll(list []string, word func(string) (string, error)) error {
	for i := range list {
		got, err := word(list[i])
		if err != nil {
			return err
		}
		list[i] = got
	}
	return nil
}

// runFlags gives the flags of a RUN, expanded and parsed.
func (in *instruction) runFlags(vars shell.EnvGetter) (mounts []mount, network string, err error) {
	if network, err = in.src.word(in.network, vars); err != nil {
		return nil, "", err
	}
	if err := checkNetwork(network); err != nil {
		return nil, "", err
	}
	for _, text := range in.mounts {
		full, err := in.src.mount(text, vars)
		if err != nil {
			return nil, "", err
		}
		m, err := parseMount(full)
		if err != nil {
			return nil, "", err
		}
		mounts = append(mounts, m)
	}
	return mounts, network, nil
}

// checkWords finds words that no value of a variable can make right.
func (in *instruction) checkWords() error {
	if _, err := in.expanded(anything{}); err != nil {
		return err
	}
	for _, text := range append([]string{in.network, in.rights}, in.mounts...) {
		if _, err := in.src.mount(text, anything{}); err != nil {
			return err
		}
	}
	return nil
}
