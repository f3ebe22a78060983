package imagebuildah

import (
	"os/exec"
	"strings"
	"testing"
)

// checkScript holds that a script is one, and that shellcheck has nothing to say.
func checkScript(t *testing.T, text string) {
	t.Helper()
	for _, words := range [][]string{{"bash", "-n"}, {"shellcheck", "-"}} {
		path, err := exec.LookPath(words[0])
		if err != nil {
			t.Logf("%s is not installed", words[0])
			continue
		}
		c := exec.CommandContext(t.Context(), path, words[1:]...)
		c.Stdin = strings.NewReader(text)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s\n%s", words[0], err, out, text)
		}
	}
}

// TestQuote holds that bash reads what was quoted.
func TestQuote(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("bash is not installed")
	}
	texts := []string{
		"", "plain", "two words", "it's", `"double"`, "$HOME `id` $(id)", "a\nb\n", "tab\t", "back\\slash", "\r", "bell\a7",
		"grüße", "“quoted” it’s", "\xff\xfe", "*?[a]", "~", "~/x", "#x", "=x", "a=b", "-x", "!x", "{a,b}", "end\\", "'\n\r\\'", "\u00a0",
	}
	for _, text := range texts {
		out, err := exec.CommandContext(t.Context(), bash, "-c", "printf %s "+quote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q is read as %q: %v", text, out, err)
		}
	}
}

func FuzzQuote(f *testing.F) {
	f.Add("it's \\ \x01\xff\n“x”")
	bash, err := exec.LookPath("bash")
	if err != nil {
		f.Skip("bash is not installed")
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.ContainsRune(text, 0) {
			t.Skip()
		}
		out, err := exec.CommandContext(t.Context(), bash, "-c", "printf %s "+quote(text)).Output()
		if err != nil || string(out) != text {
			t.Errorf("%q is read as %q: %v", text, out, err)
		}
	})
}
