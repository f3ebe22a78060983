package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// testTable is a small program with one command of each kind.
func testTable() *cli.App {
	var (
		text string
		list []string
		yes  bool
		n    int
	)
	flags := func() []cli.Flag {
		return asFlags([]*option{
			boolOption("all,a", &yes, ""),
			boolOption("quiet,q", &yes, ""),
			boolOption("rm", &yes, ""),
			boolOption("terminal,t", &yes, ""),
			arrayOption("env,e", "K=V", &list, ""),
			textOption("file,f", "FILE", &text, ""),
			textOption("network", "MODE", &text, ""),
			textOption("arch", "ARCH", &text, ""),
			textOption("pull", "POLICY", &text, "").alone("always"),
			numberOption("jobs,j", &n, ""),
		})
	}
	return &cli.App{
		Name: "buildah",
		Flags: asFlags([]*option{
			textOption("root", "DIR", &text, ""),
			boolOption("debug", &yes, ""),
		}),
		Commands: []*cli.Command{
			{Name: "build", Aliases: []string{"bud"}, Flags: flags()},
			{Name: "run", Flags: flags()},
			{Name: "rm", Flags: flags()},
			{Name: "manifest", Subcommands: []*cli.Command{{Name: "add", Flags: flags()}}},
		},
		HideHelp: true,
	}
}

func TestReadArgv(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in, want string
	}{
		{"nothing", "", ""},
		{"plain", "rm a b", "rm -- a b"},
		{"alias of a command", "bud .", "build -- ."},
		{"a switch", "rm -a", "rm --all=true --"},
		{"a switch with a value", "rm --all=false", "rm --all=false --"},
		{"cluster", "build -aq .", "build --all=true --quiet=true -- ."},
		{"cluster that ends in a flag with a value", "build -qf Dockerfile .", "build --quiet=true --file=Dockerfile -- ."},
		{"attached value", "build -fDockerfile .", "build --file=Dockerfile -- ."},
		{"attached value with an equals sign", "build -f=Dockerfile .", "build --file=Dockerfile -- ."},
		{"attached pair", "run -eA=B c true", "run --env=A=B -- c true"},
		{"attached dash", "build -f- .", "build --file=- -- ."},
		{"dash as value", "build -f - .", "build --file=- -- ."},
		{"dash as word", "build -", "build -- -"},
		{"value that looks like a flag", "build -f --all .", "build --file=--all -- ."},
		{"short switch with a value", "build -q=false .", "build --quiet=false -- ."},
		{"bare optional value", "build --pull never", "build --pull=always -- never"},
		{"optional value", "build --pull=never .", "build --pull=never -- ."},
		{"empty value", "build --file= .", "build --file= -- ."},
		{"flags after words", "rm a -q b --all", "rm --quiet=true --all=true -- a b"},
		{"end of flags", "rm -q -- -a b", "rm --quiet=true -- -a b"},
		{"run leaves the command alone", "run -q c ls -la --all", "run --quiet=true -- c ls -la --all"},
		{"run keeps a second separator", "run c -- echo -n -- x", "run -- c -- echo -n -- x"},
		{"run, separator first", "run -- c echo", "run -- c echo"},
		{"run, help of the command inside", "run c ls --help", "run -- c ls --help"},
		{"global before", "--root /x rm a", "--root=/x rm -- a"},
		{"global after", "rm --root /x a --debug", "--root=/x --debug=true rm -- a"},
		{"former name", "run --net host c true", "run --network=host -- c true"},
		{"former names", "build --purge --override-arch=arm64 .", "build --rm=true --arch=arm64 -- ."},
		{"former switch", "run --tty c true", "run --terminal=true -- c true"},
		{"subcommand", "manifest add -q l i", "manifest add --quiet=true -- l i"},
		{"order of repeated flags", "run -e A=1 -e B=2 c x", "run --env=A=1 --env=B=2 -- c x"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			inv, err := readArgv(testTable(), strings.Fields(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, strings.Join(inv.argv(), " ")); diff != "" {
				t.Errorf("canonical form (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadArgvRefuses(t *testing.T) {
	t.Parallel()
	tests := []struct{ in, text, hint string }{
		{"nosuch", `unknown command "nosuch"`, "help"},
		{"buld .", `unknown command "buld"`, "`buildah build`"},
		{"rm --al", "unknown flag: --al", "--all"},
		{"rm --zzz", "unknown flag: --zzz", "buildah rm --help"},
		{"rm -z", `unknown shorthand flag: "z" in -z`, "buildah rm --help"},
		{"rm -qz", `unknown shorthand flag: "z" in -qz`, ""},
		{"rm -h=1", `-h=1`, ""},
		{"build --file", "flag needs an argument: --file", ""},
		{"build -f", `flag needs an argument: "f" in -f`, ""},
		{"--nosuch rm", "unknown flag: --nosuch", "buildah --help"},
		{"run -n c echo", `unknown shorthand flag: "n" in -n`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			t.Parallel()
			_, err := readArgv(testTable(), strings.Fields(tt.in))
			if err == nil {
				t.Fatal("was accepted")
			}
			if !strings.Contains(err.Error(), tt.text) {
				t.Errorf("says %q, want %q", err, tt.text)
			}
			status, hints := advice(err)
			if status != 125 {
				t.Errorf("exit status %d, want 125", status)
			}
			if !strings.Contains(strings.Join(hints, "\n"), tt.hint) {
				t.Errorf("hints %q, want one with %q", hints, tt.hint)
			}
		})
	}
}

func TestReadArgvHelp(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"--help":        "",
		"-h":            "",
		"rm --help":     "rm",
		"rm a -qh":      "rm",
		"manifest nono": "manifest",
	} {
		inv, err := readArgv(testTable(), strings.Fields(in))
		if err != nil || !inv.help {
			t.Errorf("%q: help %v, error %v", in, inv.help, err)
			continue
		}
		got := ""
		if c := inv.command(); c != nil {
			got = c.Name
		}
		if got != want {
			t.Errorf("%q is about %q, want %q", in, got, want)
		}
	}
	for _, in := range []string{"-v", "--version", "--debug -v"} {
		if inv, err := readArgv(testTable(), strings.Fields(in)); err != nil || !inv.version {
			t.Errorf("%q: version %v, error %v", in, inv.version, err)
		}
	}
}

// FuzzReadArgv checks that the canonical form is understood as itself, by us and
// by the flag library.
func FuzzReadArgv(f *testing.F) {
	for _, s := range []string{"rm a -q", "build -qf- .", "run -eA=B c -- ls -l", "--root=x rm --all=false -- -a", "manifest add -q=0 x", "build --pull --net=a -j 3"} {
		f.Add(strings.ReplaceAll(s, " ", "\x00"))
	}
	f.Fuzz(func(t *testing.T, joined string) {
		inv, err := readArgv(testTable(), strings.Split(joined, "\x00"))
		if err != nil || inv.help || inv.version {
			return
		}
		argv := inv.argv()
		again, err := readArgv(testTable(), argv)
		if err != nil {
			t.Fatalf("%q became %q: %v", joined, argv, err)
		}
		if got := again.argv(); !slices.Equal(argv, got) {
			t.Fatalf("%q became %q, and that %q", joined, argv, got)
		}
		c := inv.command()
		if c == nil || c.Subcommands != nil {
			return
		}
		app := testTable()
		var args []string
		app.ExitErrHandler = func(*cli.Context, error) {}
		quietUsage(app.Commands)
		for _, c := range append(slices.Clone(app.Commands), app.Commands[len(app.Commands)-1].Subcommands...) {
			if c.Subcommands == nil {
				c.Action = func(c *cli.Context) error { args = c.Args().Slice(); return nil }
			}
		}
		if err := app.RunContext(t.Context(), append([]string{"buildah"}, argv...)); err != nil {
			return // a value that its flag refuses
		}
		if !slices.Equal(args, inv.args) {
			t.Fatalf("%q: the library sees words %q, want %q", joined, args, inv.args)
		}
	})
}
