package docs

import (
	"fmt"
	"strings"
	"testing"
)

// block is a fenced block of a page.
type block struct {
	line     int    // of the fence, from 1
	language string // what follows the fence
	text     []string
	excuse   string // why it is not run
	file     string // where it is written to
	user     bool   // an ordinary user runs it
	hidden   bool   // a comment
}

// runs tells whether the shell gets the block.
func (b block) runs() bool {
	return b.excuse == "" && b.file == "" && (b.hidden || b.language == "sh" || b.language == "console")
}

// page is what the extractor sees of a page.
type page struct {
	name   string
	excuse string // why none of it is run
	lines  []string
	blocks []block
}

// comment takes what a comment says about the next block, or about the page.
func (p *page) comment(line int, text string, next *block) error {
	word, rest, _ := strings.Cut(text, "\n")
	word = strings.TrimSpace(word)
	switch {
	case word == "run":
		p.blocks = append(p.blocks, block{line: line, language: "sh", text: strings.Split(rest, "\n"), hidden: true, user: next.user})
		*next = block{}
	case strings.HasPrefix(word, "not run: "):
		next.excuse = strings.TrimPrefix(word, "not run: ")
	case strings.HasPrefix(word, "page not run: "):
		p.excuse = strings.TrimPrefix(word, "page not run: ")
	case strings.HasPrefix(word, "file: "):
		next.file = strings.TrimPrefix(word, "file: ")
	case word == "user":
		next.user = true
	case strings.HasPrefix(word, "run"), strings.HasPrefix(word, "file"), strings.HasPrefix(word, "not run"):
		return fmt.Errorf("%s:%d: the comment %q is none that the test knows", p.name, line, word)
	}
	return nil
}

// parse finds the blocks of a page.
func parse(name, text string) (*page, error) {
	p := &page{name: name, lines: strings.Split(text, "\n")}
	var next block
	for i := 0; i < len(p.lines); i++ {
		line := p.lines[i]
		switch {
		case strings.HasPrefix(line, "<!--"):
			from := i
			for !strings.HasSuffix(strings.TrimSpace(p.lines[i]), "-->") {
				if i++; i == len(p.lines) {
					return nil, fmt.Errorf("%s:%d: the comment has no end", name, from+1)
				}
			}
			whole := strings.TrimSpace(strings.Join(p.lines[from:i+1], "\n"))
			whole = strings.TrimSuffix(strings.TrimPrefix(whole, "<!--"), "-->")
			if err := p.comment(from+1, strings.TrimLeft(whole, " "), &next); err != nil {
				return nil, err
			}
		case strings.HasPrefix(strings.TrimLeft(line, " "), "```"):
			indent := line[:strings.Index(line, "`")]
			next.line, next.language = i+1, strings.TrimPrefix(strings.TrimSpace(line), "```")
			for i++; i < len(p.lines) && p.lines[i] != indent+"```"; i++ {
				next.text = append(next.text, strings.TrimPrefix(p.lines[i], indent))
			}
			if i == len(p.lines) {
				return nil, fmt.Errorf("%s:%d: the block has no end", name, next.line)
			}
			p.blocks = append(p.blocks, next)
			next = block{}
		case strings.TrimSpace(line) != "" && (next.excuse != "" || next.file != "" || next.user):
			return nil, fmt.Errorf("%s:%d: the comment above is about no block", name, i+1)
		}
	}
	return p, nil
}

// command is one that a block ```console shows.
type command struct {
	line   int
	text   string
	output []string
	end    int // the line after its output
}

// commands gives what a block ```console runs, and what it is to print.
func (b block) commands() []command {
	var list []command
	for i, line := range b.text {
		at := b.line + 1 + i
		switch {
		case strings.HasPrefix(line, "$ "):
			list = append(list, command{line: at, text: line[2:]})
		case len(list) == 0:
			continue
		case strings.HasPrefix(line, "> ") && len(list[len(list)-1].output) == 0:
			list[len(list)-1].text += "\n" + line[2:]
		default:
			list[len(list)-1].output = append(list[len(list)-1].output, line)
		}
		list[len(list)-1].end = at + 1
	}
	return list
}

// fails tells whether the page says that the command does.
func (c command) fails() bool {
	for _, line := range c.output {
		if strings.HasPrefix(line, "Error: ") {
			return true
		}
	}
	return false
}

func TestParse(t *testing.T) {
	t.Parallel()
	p, err := parse("x.md", strings.Join([]string{
		"text", "```sh", "true", "```", "<!-- not run: no network -->", "", "```sh", "false", "```",
		"<!-- run", "secret", "-->", "<!-- file: a/b -->", "```toml", "x", "```",
		"<!-- user -->", "```console", "$ cat <<E", "> in", "> E", "in", "$ buildah x", "Error: no x", "```", "```", "$ shown only", "```",
	}, "\n"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, b := range p.blocks {
		got = append(got, fmt.Sprint(b.line, b.language, b.text, b.excuse, b.file, b.user, b.runs()))
	}
	want := []string{
		"2sh[true]falsetrue", "7sh[false]no networkfalsefalse", "10sh[secret ]falsetrue", "14toml[x]a/bfalsefalse",
		"18console[$ cat <<E > in > E in $ buildah x Error: no x]truetrue", "26[$ shown only]falsefalse",
	}
	if squeeze(got) != squeeze(want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	list := p.blocks[4].commands()
	if len(list) != 2 || list[0].text != "cat <<E\nin\nE" || list[0].output[0] != "in" || list[0].fails() || !list[1].fails() || list[1].end != 25 {
		t.Errorf("commands: %+v", list)
	}
	for _, bad := range []string{"```sh\ntrue", "<!-- run\ntrue", "<!-- not run: x -->\ntext", "<!-- runs\n-->"} {
		if _, err := parse("x.md", bad); err == nil {
			t.Errorf("no error for %q", bad)
		}
	}
}

// squeeze leaves out what fmt puts between values.
func squeeze(list []string) string {
	return strings.ReplaceAll(strings.Join(list, "\n"), " ", "")
}
