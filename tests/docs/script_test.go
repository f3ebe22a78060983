package docs

import (
	"fmt"
	"strings"
	"testing"
)

// script makes the script that runs a page. Before each step it writes the line of the
// page into $DOCS_WORK/at; the command of line N leaves N.out and N.status there.
func script(p *page) string {
	var b strings.Builder
	b.WriteString("set -e\n")
	for _, x := range p.blocks {
		switch {
		case x.excuse != "":
		case x.file != "":
			fmt.Fprintf(&b, "mkdir -p \"$(dirname %[1]s)\"\n%[2]s\n", quote(x.file), heredoc("cat >"+quote(x.file)+" ", x.text))
		case x.runs() && x.language == "console":
			for _, c := range x.commands() {
				console(&b, c, x.user)
			}
		case x.runs():
			fmt.Fprintf(&b, "echo %d >\"$DOCS_WORK/at\"\n", x.line)
			if x.user {
				b.WriteString(asUser(x.text) + "\n")
				continue
			}
			b.WriteString(strings.Join(x.text, "\n") + "\n")
		}
	}
	b.WriteString("echo end >\"$DOCS_WORK/at\"\n")
	return b.String()
}

func console(b *strings.Builder, c command, user bool) {
	text := c.text
	if user {
		text = asUser(strings.Split(text, "\n"))
	}
	fmt.Fprintf(b, "echo %[1]d >\"$DOCS_WORK/at\"\nstatus=0\n{\n%[2]s\n} >\"$DOCS_WORK/%[1]d.out\" 2>&1 </dev/null || status=$?\necho $status >\"$DOCS_WORK/%[1]d.status\"\n",
		c.line, text)
}

// asUser has the ordinary user run lines, in his home.
func asUser(text []string) string {
	return "runuser -u me -- env HOME=/home/me USER=me bash -ec " + quote(strings.Join(append([]string{"cd"}, text...), "\n"))
}

// heredoc gives a command the lines.
func heredoc(command string, text []string) string {
	return command + "<<'END OF BLOCK'\n" + strings.Join(text, "\n") + "\nEND OF BLOCK"
}

func quote(word string) string {
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}

func TestScript(t *testing.T) {
	t.Parallel()
	p, err := parse("x.md", "```sh\none\n```\n<!-- not run: why -->\n```sh\ntwo\n```\n<!-- file: f -->\n```toml\nthree\n```\n```console\n$ four\n```\n")
	if err != nil {
		t.Fatal(err)
	}
	got := script(p)
	for _, want := range []string{"set -e\n", "\none\n", "three\nEND OF BLOCK", "{\nfour\n}", "13.status"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in:\n%s", want, got)
		}
	}
	if strings.Contains(got, "two") {
		t.Errorf("a block that is excused is run:\n%s", got)
	}
}
