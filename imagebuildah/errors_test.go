package imagebuildah

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/internal/contexts"
)

// TestErrors holds, for every class of mistake, what is said about it, where it is
// shown, and that no step has been carried out before.
func TestErrors(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/errors/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no Dockerfiles with errors", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
			if err != nil {
				t.Fatal(err)
			}
			r, err := transcript(t, string(text), wanted(t, string(text)))
			if err == nil {
				t.Fatalf("no error:\n%s", r.log.String())
			}
			if strings.Contains(r.log.String(), "STEP ") && !strings.Contains(r.log.String(), "building at STEP") {
				t.Errorf("it was only found after steps had run:\n%s", r.log.String())
			}
			got := strings.TrimSuffix(r.log.String(), "\n")
			var shown interface{ Excerpt() string }
			if errors.As(err, &shown) {
				got += "\n" + shown.Excerpt()
			}
			golden(t, filepath.Join(dir, "want"), got+"\n")
		})
	}
}

// seeds adds all Dockerfiles of testdata to a fuzz test.
func seeds(f *testing.F) {
	f.Helper()
	for _, pattern := range []string{"testdata/*.dockerfile", "testdata/errors/*/Dockerfile", "testdata/lint/*/Dockerfile"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
}

// FuzzParse holds that no text makes the parser or the planner panic, and that an
// error says where it is.
func FuzzParse(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseFiles([]contexts.File{{Name: "Dockerfile", Data: text}})
		if err == nil {
			_, err = newPlan(list, wish{args: map[string]string{"A": "b"}})
		}
		var at *SourceError
		switch {
		case err == nil:
		case !errors.As(err, &at):
			t.Errorf("no place in %v", err)
		case at.Line < 1 || at.Column < 1 || !strings.Contains(at.Excerpt(), "^"):
			t.Errorf("no place in %v:\n%s", err, at.Excerpt())
		}
	})
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for name, c := range map[string]struct{ text, word, want string }{
		"tabs":          {"A\n\tRUN\tword\nB\nC", "word", "Dockerfile:2:6\n  1 | A\n> 2 | \tRUN\tword\n    | \t   \t^^^^\n  3 | B"},
		"other letters": {"x\nRUN äöü word", "word", "Dockerfile:2:9\n  1 | x\n> 2 | RUN äöü word\n    |         ^^^^"},
		"wide letters":  {"x\nRUN 漢字 字", "字", "Dockerfile:2:8\n  1 | x\n> 2 | RUN 漢字 字\n    |          ^^"},
		"line ends":     {"x\r\nRUN word\r\ny\r\n", "word", "Dockerfile:2:5\n  1 | x\n> 2 | RUN word\n    |     ^^^^\n  3 | y"},
		"continued":     {"x\nRUN a \\\n # note\n\n  word \\\n  b", "word", "Dockerfile:5:3\n  4 |\n> 5 |   word \\\n    |   ^^^^\n  6 |   b"},
		"torn apart":    {"x\nRUN wo\\\nrd", "word", "Dockerfile:2:5\n  1 | x\n> 2 | RUN wo\\\n    |     ^^\n  3 | rd"},
		"long":          {"x\nRUN " + long + " word " + long, "word", "Dockerfile:2:206\n  1 |\n> 2 | " + long[:58] + " word " + long[:56] + "...\n    | " + strings.Repeat(" ", 59) + "^^^^"},
		"steering":      {"x\nRUN \x1b[2Jword", "word", "Dockerfile:2:9\n  1 | x\n> 2 | RUN \uFFFD[2Jword\n    |         ^^^^"},
		"no such word":  {"x\nRUN a", "word", "Dockerfile:2:1\n  1 | x\n> 2 | RUN a\n    | ^^^"},
		"a mark":        {"\uFEFFRUN word", "word", "Dockerfile:1:5\n> 1 | RUN word\n    |     ^^^^"},
		"ten lines":     {strings.Repeat("x\n", 9) + "RUN word", "word", "Dockerfile:10:5\n   9 | x\n> 10 | RUN word\n     |     ^^^^"},
	} {
		src := newSource("Dockerfile", []byte(c.text))
		first := 1
		for !strings.Contains(src.line(first), "RUN") {
			first++
		}
		at := src.locate(first, len(src.lines), blame(c.word, errors.New("x")))
		if name == "line ends" {
			at = src.locate(first, first, blame(c.word, errors.New("x")))
		}
		if diff := cmp.Diff(c.want, at.String()+"\n"+at.excerpt()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// TestFlagLetters holds that letters of all languages reach the flags.
func TestFlagLetters(t *testing.T) {
	t.Parallel()
	list, err := parseFile("Dockerfile", []byte("FROM a\nCOPY --exclude=äß漢 --chown=\"é b\" a b\n"))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"--exclude=äß漢", "--chown=é b"}, list[1].node.Flags); diff != "" {
		t.Error(diff)
	}
	flags := []string{"ä", "漢", ""} // of a parser that reads letters
	mendFlags(flags)
	if diff := cmp.Diff([]string{"ä", "漢", ""}, flags); diff != "" {
		t.Error(diff)
	}
}
