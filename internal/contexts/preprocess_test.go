package contexts

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func TestPreprocess(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("cpp"); err != nil {
		t.Skip("cpp is not installed")
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"ctx/common":   "ENV COMMON=1\n",
		"good.in":      "FROM x\n#include \"common\"\n#ifdef MORE\nRUN more\n#endif\n",
		"bad.in":       "#include \"nosuch\"\n",
		"complains.in": "FROM x\n#include \"nosuch\"\n",
	})
	var warned []string
	read := func(name string, flags ...string) (File, error) {
		o := Options{Cwd: dir, CPPFlags: flags, Warn: func(format string, _ ...any) { warned = append(warned, format) }}
		c, err := Open(t.Context(), filepath.Join(dir, "ctx"), o)
		if err != nil {
			t.Fatal(err)
		}
		files, err := c.Files(t.Context(), []string{name}, o)
		if err != nil {
			return File{}, err
		}
		return files[0], nil
	}
	f, err := read("good.in", "-DMORE")
	if err != nil || !strings.Contains(string(f.Data), "ENV COMMON=1") || !strings.Contains(string(f.Data), "RUN more") {
		t.Errorf("%s, %v", f.Data, err)
	}
	if f.Name != "good.in (preprocessed)" {
		t.Errorf("the name is %q", f.Name)
	}
	if f, err := read("good.in"); err != nil || strings.Contains(string(f.Data), "more") {
		t.Errorf("without the flag: %s, %v", f.Data, err)
	}
	if f, err := read("complains.in"); err != nil || !strings.Contains(string(f.Data), "FROM x") || len(warned) != 1 {
		t.Errorf("%s, %v, warned %q", f.Data, err, warned)
	}
	_, err = read("bad.in", "--nosuchflag")
	var silent *PreprocessError
	if err != nil && !errors.As(err, &silent) {
		t.Errorf("the error is %v", err)
	}
}
