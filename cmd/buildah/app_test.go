package main

import (
	"errors"
	"flag"
	"fmt"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

func TestFlagsDoNotCollide(t *testing.T) {
	t.Parallel()
	app := testProgram().app()
	check := func(name string, flags []cli.Flag) {
		names, set := map[string]bool{}, flag.NewFlagSet(name, flag.ContinueOnError)
		for _, f := range flags {
			o, ok := f.(*option)
			if !ok {
				t.Errorf("%s: %s is not an option of ours", name, f)
				continue
			}
			for _, n := range []string{o.name, "-" + o.short} {
				if n != "-" && names[n] {
					t.Errorf("%s has two flags %q", name, n)
				}
				names[n] = true
			}
			if o.name == "" || len(o.short) > 1 || o.usage == "" {
				t.Errorf("%s: flag %q, %q, %q", name, o.name, o.short, o.usage)
			}
			if err := o.Apply(set); err != nil {
				t.Errorf("%s: declaring --%s: %v", name, o.name, err)
			}
		}
	}
	check("buildah", app.Flags)
	for _, c := range pages(app.Commands) {
		check(c.name, c.Flags)
	}
}

func TestAdvice(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		err    error
		status int
		hint   string
	}{
		{"success", nil, 0, ""},
		{"any failure", errors.New("broken"), 125, ""},
		{"their command", fmt.Errorf("running: %w", &builder.ExitError{Code: 42}), 42, ""},
		{"not started", fmt.Errorf("running: %w", &builder.StartError{Command: "x", Reason: "y"}), 1, ""},
		{"a status of our own", statusError{status: 7, cause: errSilent}, 7, ""},
		{"unknown container", fmt.Errorf("x: %w", builder.ErrNotFound), 125, "buildah containers"},
		{"unknown image", fmt.Errorf("x: %w", builder.ErrImageUnknown), 125, "buildah images"},
		{"no space", fmt.Errorf("x: %w", syscall.ENOSPC), 125, "buildah prune"},
		{"usage", usageError{text: "x", hint: "read the manual"}, 125, "read the manual"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			status, hints := advice(tt.err)
			if status != tt.status || !strings.Contains(strings.Join(hints, "\n"), tt.hint) || tt.hint == "" && len(hints) > 0 {
				t.Errorf("status %d, hints %q, want %d and %q", status, hints, tt.status, tt.hint)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	t.Parallel()
	// What a registry answers could steer the terminal.
	if got, want := oneLine(errors.Join(errors.New("a\n b"), errors.New("c\x1b[2J\u009b1m ü\td"))), "a; b; c\uFFFD[2J\uFFFD1m ü d"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCompletion(t *testing.T) {
	t.Parallel()
	for shell, wants := range map[string][]string{
		"bash": {"complete -o filenames -F _buildah buildah", "--squash", "build|bud|build-using-dockerfile)"},
		"zsh":  {"#compdef buildah", "--squash", "build|bud|build-using-dockerfile)"},
		"fish": {"complete -c buildah", "-l squash", "bud"},
	} {
		script := runProgram(t, "completion", shell)
		for _, want := range wants {
			if !strings.Contains(script, want) {
				t.Errorf("the script for %s has no %q", shell, want)
			}
		}
		program, err := exec.LookPath(shell)
		if err != nil {
			continue // its syntax is only checked where the shell is installed
		}
		cmd := exec.CommandContext(t.Context(), program, "-n")
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s -n: %v: %s", shell, err, out)
		}
	}
}

func TestBashCompletes(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs the program \"bash\", which is not installed")
	}
	script := runProgram(t, "completion", "bash")
	for line, want := range map[string]string{
		"buildah ren":                           "rename",
		"buildah commit --sq":                   "--squash",
		"buildah --root /x inf":                 "info",
		"buildah rm --roo":                      "--root",
		"buildah umount -":                      "--all -a --help",
		"buildah manifest ann":                  "annotate",
		"buildah --root /x manifest push --add": "--add-compression",
	} {
		cmd := exec.CommandContext(t.Context(), bash, "-c", script+`
			COMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _buildah; echo "${COMPREPLY[*]}"`, "-")
		cmd.Args = append(cmd.Args, strings.Fields(line)...)
		out, err := cmd.CombinedOutput()
		if err != nil || !strings.HasPrefix(string(out), want) {
			t.Errorf("%q completes to %q, want %q: %v", line, out, want, err)
		}
	}
}

// BenchmarkStart builds the whole command table, as every start does.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		p := testProgram()
		if _, err := readArgv(p.app(), []string{"version"}); err != nil {
			b.Fatal(err)
		}
	}
}
