package imagebuildah

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/contexts"
)

// TestLint holds what the rules find, and what they let pass.
func TestLint(t *testing.T) {
	t.Parallel()
	dirs, err := filepath.Glob("testdata/lint/*")
	if err != nil || len(dirs) == 0 {
		t.Fatal("no Dockerfiles with findings", err)
	}
	for _, dir := range dirs {
		t.Run(filepath.Base(dir), func(t *testing.T) {
			t.Parallel()
			golden(t, filepath.Join(dir, "want"), linted(t, dir))
		})
	}
}

// linted checks the Dockerfile of a directory as a user does, and gives all that is found.
func linted(t *testing.T, dir string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(dir, "Dockerfile"))
	if err != nil {
		t.Fatal(err)
	}
	o := wanted(t, string(text))
	o.Source = Source{Context: dir, Fetch: contexts.Options{TempDir: t.TempDir()}}
	findings, err := Check(t.Context(), o)
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "%s\n%s\n", f, f.Excerpt())
	}
	var at *SourceError
	if errors.As(err, &at) {
		fmt.Fprintf(&b, "error %v\n%s\n", err, at.Excerpt())
	} else if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRulesHaveExamples holds that every rule of the specification finds something
// in the example that has its name.
func TestRulesHaveExamples(t *testing.T) {
	t.Parallel()
	for _, rule := range []string{
		"StageNameCasing", "FromAsCasing", "NoEmptyContinuation", "ConsistentInstructionCasing", "DuplicateStageName",
		"ReservedStageName", "JSONArgsRecommended", "MaintainerDeprecated", "UndefinedArgInFrom", "WorkdirRelativePath",
		"UndefinedVar", "MultipleInstructionsDisallowed", "LegacyKeyValueFormat", "RedundantTargetPlatform",
		"SecretsUsedInArgOrEnv", "InvalidDefaultArgInFrom", "FromPlatformFlagConstDisallowed", "CopyIgnoredFile",
		"InvalidDefinitionDescription", "ExposeProtoCasing", "ExposeInvalidFormat",
	} {
		if got := linted(t, filepath.Join("testdata/lint", rule)); !strings.Contains(got, ": "+rule+": ") {
			t.Errorf("%s finds nothing: %s", rule, got)
		}
	}
}

// TestFindingsOfBuild holds that a build tells of findings at its end, and does not
// begin where the file wants none.
func TestFindingsOfBuild(t *testing.T) {
	t.Parallel()
	r, err := transcript(t, "FROM base\nCMD x\n", Options{})
	if err != nil || len(r.findings) != 1 || r.findings[0] != "JSONArgsRecommended" {
		t.Errorf("%v %q\n%s", err, r.findings, r.log.String())
	}
	r, err = transcript(t, "# check=error=true\nFROM base\nRUN x\nCMD x\n", Options{})
	var at *SourceError
	if !errors.As(err, &at) || at.Line != 4 || len(r.findings) > 0 || strings.Contains(r.log.String(), "STEP") {
		t.Errorf("%v %q\n%s", err, r.findings, r.log.String())
	}
	if _, err := transcript(t, "# check=error=true\nFROM base\nCMD [\"x\"]\n", Options{}); err != nil {
		t.Error(err)
	}
}

// FuzzLint holds that no text makes a rule panic, and that findings say where they are.
func FuzzLint(f *testing.F) {
	seeds(f)
	f.Fuzz(func(t *testing.T, text []byte) {
		list, err := parseFiles([]contexts.File{{Name: "Dockerfile", Data: text}})
		if err != nil {
			return
		}
		found, err := lint(list, lintWish{args: map[string]string{"A": "b"}, ignored: ignored{patterns: []string{"*.o"}, file: "x"}})
		if err != nil {
			return
		}
		for _, f := range found.findings {
			if f.Line < 1 || f.Column < 1 || !strings.Contains(f.Excerpt(), "^") {
				t.Errorf("no place in %v:\n%s", f, f.Excerpt())
			}
		}
	})
}
