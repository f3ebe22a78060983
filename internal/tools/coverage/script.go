package coverage

import (
	"slices"
	"strings"
)

// script is a bats file, or a file of helpers.
type script struct {
	functions map[string][]statement
	tests     []bats
	top       []statement // what stands outside of both
	loads     []string    // names of further files
}

// bats is one test of a bats file, with the functions that are only its own.
type bats struct {
	name      string
	body      []statement
	functions map[string][]statement
}

// reader sorts statements into functions and tests by their braces.
type reader struct {
	script
	open []frame
}

// frame is a block in braces: of a function, of a test, or any other.
type frame struct {
	function string
	test     bool
	in       map[string][]statement // where the function belongs
}

// parseScript reads a file.
func parseScript(text string) script {
	r := &reader{script: script{functions: map[string][]statement{}}}
	var head frame // what the next brace opens
	for _, s := range statements(text) {
		head = r.take(s, head)
	}
	return r.script
}

func (r *reader) take(s statement, head frame) frame {
	words := s.words
	switch {
	case len(words) == 2 && words[0] == "function":
		return r.function(words[1])
	case len(words) >= 2 && words[0] == "@test":
		title := strings.Join(expandWord(words[1], &scope{}), " ")
		r.tests = append(r.tests, bats{name: title, functions: map[string][]statement{}})
		r.open = append(r.open, frame{test: true})
		return frame{}
	case len(words) > 0 && words[0] == "{":
		r.open = append(r.open, head)
		s.words = words[1:]
		return r.take(s, frame{})
	case len(words) > 0 && words[0] == "}":
		if len(r.open) > 0 {
			r.open = r.open[:len(r.open)-1]
		}
		s.words = words[1:]
		return r.take(s, frame{})
	case len(words) > 1 && slices.Contains(keywords, words[0]) && words[1] == "{":
		s.words = words[1:]
		return r.take(s, head)
	case len(words) == 2 && words[0] == "load":
		r.loads = append(r.loads, words[1])
	}
	r.put(s)
	return head
}

// function begins a function: of the test that it stands in, or of the file.
func (r *reader) function(name string) frame {
	in := r.functions
	if slices.ContainsFunc(r.open, func(f frame) bool { return f.test }) {
		in = r.tests[len(r.tests)-1].functions
	}
	in[name] = nil
	return frame{function: name, in: in}
}

// put adds a statement to the innermost function or test.
func (r *reader) put(s statement) {
	if len(s.words) == 0 && len(s.documents) == 0 {
		return
	}
	for _, f := range slices.Backward(r.open) {
		switch {
		case f.function != "":
			f.in[f.function] = append(f.in[f.function], s)
			return
		case f.test:
			last := &r.tests[len(r.tests)-1]
			last.body = append(last.body, s)
			return
		}
	}
	r.top = append(r.top, s)
}

// keywords stand before a command without being part of it.
var keywords = []string{"then", "do", "else", "elif", "if", "while", "until", "!", "time"}
