package coverage

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// helpers are as those of tests/bats.
const helpers = `buildah() {
  local want=0
  if [[ ${1:-} =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  output=$("$BUILDAH_BINARY" --root "$T/root" "$@" 2>"$T/stderr") || status=$?
}
each_isolation() { for isolation in oci chroot; do BUILDAH_ISOLATION=$isolation "$@"; done; }
mine() {
  if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
  cat >script <<SCRIPT
set -e
$1
SCRIPT
  su user -c "bash script"
}
`

// lines gives the command lines of a test with this body, without --root.
func lines(t *testing.T, functions, body string) (list []string) {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "helpers.bash"), helpers)
	write(t, filepath.Join(dir, "x.bats"), "load helpers\n"+functions+"\n@test \"a test\" {\n"+body+"\n}\n")
	runs, err := Bats(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range runs {
		if r.Test != "x.bats: a test" {
			t.Errorf("a line is of %q", r.Test)
		}
		line := strings.ReplaceAll(strings.Join(r.Words, " "), unseen, "?")
		line = strings.TrimPrefix(line, "--root ?/root ")
		if r.Refused {
			line = "! " + line
		}
		list = append(list, line)
	}
	return list
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestBats(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, functions, body, want string }{
		{"plain", "", `buildah run --env A=b "$ctr" true`, "run --env A=b ? true"},
		{"refused", "", `buildah 125 run --env`, "! run --env"},
		{"another status is no refusal", "", `buildah 3 run x`, "run x"},
		{"commented out", "", `# buildah run --env A=b`, ""},
		{"only said", "", `says "buildah run --env"; echo buildah run`, ""},
		{"after others", "", `true && buildah run a || buildah run b; ! buildah run c | cat`, "run a/run b/run c"},
		{"continued", "", "buildah run \\\n  --env A=b c", "run --env A=b c"},
		{"helper", `layered() { BUILDAH_LAYERS=true buildah "$@"; }`, `layered run -e x`, "run -e x"},
		{"helper of helper", "layered() { buildah --debug \"$@\"; }\nbuilt() { layered run \"$@\" c; }", `built --mount m`, "--debug run --mount m c"},
		{"helper with names", `in() { buildah "${2:-0}" run --user "$1" c; }`, "in root; in root 125", "run --user root c/! run --user root c"},
		{"passed on", "", `each_isolation buildah run --tty c`, "run --tty c/run --tty c"},
		{"loop", "", `for f in --a "--b c"; do buildah build $f .; done`, "build --a ./build --b c ."},
		{"helpers of tests", "@test other {\n  f() { buildah run a; }\n}", "f() { buildah run b; }; f", "run b"},
		{"replaced", "", `for k in ipc cgroup; do flag=--${k/cgroup/cgroupns}; buildah run "$flag" ${none:-x} ${flag%c}; done`, "run --ipc x ?/run --cgroupns x ?"},
		{"array", "", `local flags=(--a "b c"); flags+=(--d); buildah build "${flags[@]}"`, "build --a b c --d"},
		{"array of a helper", `key() { sign=(--key k); local own=(--own); }`, `key; buildah push "${sign[@]}" "${own[@]}"`, "push --key k ?"},
		{"variable", "", `flags="--a --b"; buildah build $flags "$unknown"`, "build --a --b ?"},
		{"substitution", "", `id=$(buildah images -q)`, "images -q"},
		{"the binary", "", `timeout 3 "$BUILDAH_BINARY" --root "$T/root" build --a . >"$T/out" 2>&1 3>&- &`, "build --a ."},
		{"another's binary", "", `/usr/bin/buildah build --a .`, ""},
		{"a script", "", `buildah unshare -- sh -c 'buildah build --a .'`, "unshare -- sh -c buildah build --a ./build --a ."},
		{"a script of the helper's", "", "mine 'buildah build --a .'", "build --a ."},
		{"a refused one", "", "mine 125 'buildah build --a .'", "! build --a ."},
		{"here-document", "", "cat >Dockerfile <<E\nRUN buildah build --a .\nE\nbuildah images", "images"},
		{"here-document of a shell", "", "bash -e <<'E'\nbuildah build --a .\nE", "build --a ."},
		{"condition", "", `[[ $output == *"(buildah run)"* ]] || buildah images`, "images"},
	} {
		if got := strings.Join(lines(t, c.functions, c.body), "/"); got != c.want {
			t.Errorf("%s: got %q, want %q", c.name, got, c.want)
		}
	}
}

// table is a small program.
func table() Table {
	return Table{
		Globals: []Flag{{Name: "root"}, {Name: "debug", Alone: true}},
		Commands: []Command{
			{Name: "run", PassesOn: true, Flags: []Flag{{Name: "env", Short: "e"}, {Name: "terminal", Short: "t", Alone: true}}},
			{Name: "rm", Aliases: []string{"delete"}, Flags: []Flag{{Name: "all", Short: "a", Alone: true}}},
			{Name: "manifest rm", Flags: []Flag{{Name: "quiet", Alone: true}}},
		},
		Former: func(name string) string { return map[string]string{"tty": "terminal"}[name] },
	}
}

func TestUses(t *testing.T) {
	t.Parallel()
	tab := table()
	for line, want := range map[string]Use{
		"--root x run -te A=b c":    {Command: "run", Word: "run", Flags: []string{"--terminal", "--env"}, Globals: []string{"--root"}},
		"run --env --terminal c":    {Command: "run", Word: "run", Flags: []string{"--env"}},
		"run c --terminal":          {Command: "run", Word: "run"},
		"run --tty c":               {Command: "run", Word: "run", Flags: []string{"--tty", "--terminal"}},
		"run -eA=b --debug c":       {Command: "run", Word: "run", Flags: []string{"--env"}, Globals: []string{"--debug"}},
		"delete c --all":            {Command: "rm", Word: "delete", Flags: []string{"--all"}},
		"rm -- --all":               {Command: "rm", Word: "rm"},
		"manifest rm --quiet=false": {Command: "manifest rm", Word: "rm", Flags: []string{"--quiet"}},
	} {
		got, ok := tab.Uses(strings.Fields(line))
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s (%v):\n%s", line, ok, diff)
		}
	}
	for _, line := range []string{"", "--debug", "rum", "rm --none", "rm -x", "run --env", "manifest", "manifest none"} {
		if got, ok := tab.Uses(strings.Fields(line)); ok {
			t.Errorf("%q is understood as %+v", line, got)
		}
	}
}

func TestReport(t *testing.T) {
	t.Parallel()
	spec := Spec{
		Flags:   map[string][]string{"": {"--root"}, "run": {"--env", "--tty", "--old"}, "rm": {"--all"}, "rpc": {"--env"}, "mkcw": {"--type"}},
		Aliases: map[string][]string{"rm": {"delete"}},
	}
	run := func(test, line string) Run { return Run{Test: test, Words: strings.Fields(line)} }
	refused := run("rm.bats: no", "rm --all x")
	refused.Refused = true
	runs := []Run{
		run("a.bats: a", "--root x run --env a c"), run("run.bats: --env", "run --env a c"),
		run("a.bats: a|b", "run -t c"), run("z.bats: z", "rm x"), refused,
	}
	r := NewReport(table(), spec, Departures{"mkcw": "no such machine", "nothing": "x", "run --env": "y"}, runs)
	want := []string{
		"buildah --debug: no test uses it",
		"buildah manifest rm --quiet: no test uses it",
		"buildah manifest rm: no test uses it",
		"buildah nothing: it is a departure from nothing",
		"buildah rm --all: tests only see it refused",
		"buildah rm delete: no test uses it",
		"buildah rpc --env: the reference has it, the program does not",
		"buildah rpc: the reference has it, the program does not",
		"buildah run --env: it is a departure, and a test uses it",
		"buildah run --old: the reference has it, the program does not",
		"buildah run --tty: no test uses it",
	}
	if diff := cmp.Diff(want, r.Problems()); diff != "" {
		t.Error(diff)
	}
	r = NewReport(table(), spec, Departures{"mkcw": "no such machine"}, runs)
	text := r.Markdown("")
	for _, row := range []string{
		"\n## buildah\n\n| | test |\n|---|---|\n", "\n## buildah run\n", "| `--env` | run.bats: --env |\n", "| the command | z.bats: z |\n",
		"| `--terminal` | a.bats: a\\|b |\n", "| as `delete` | none |\n", "- `buildah mkcw`: no such machine\n",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("the table lacks %q:\n%s", row, text)
		}
	}
	// The tests that a row names stay as long as they use the flag.
	kept := strings.Replace(text, "| `--env` | run.bats: --env |", "| `--env` | a.bats: a |", 1)
	if diff := cmp.Diff(kept, r.Markdown(kept)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(text, r.Markdown(strings.Replace(text, "run.bats: --env", "gone.bats: gone", 1))); diff != "" {
		t.Error(diff)
	}
}

func TestGoTests(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "x_test.go"), `package x
func TestX(t *testing.T) {
	b.ok("run", "--env", "A=b", ctr)
	b.fails(125, "says", "rm", "--all")
	p.buildah("--root", dir, "run", "--mount="+mount)
	readArgv("run", "--never")
	p.try("podman", "images")
}`)
	runs, err := GoTests([]string{"run", "rm"}, dir)
	if err != nil {
		t.Fatal(err)
	}
	test := filepath.Base(dir) + "/x_test.go: TestX"
	want := []Run{
		{Test: test, Words: []string{"run", "--env", "A=b", unseen}},
		{Test: test, Words: []string{"rm", "--all"}, Refused: true},
		{Test: test, Words: []string{"run", "--mount=" + unseen}},
	}
	if diff := cmp.Diff(want, runs); diff != "" {
		t.Error(diff)
	}
}

func TestReadSpec(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "spec")
	write(t, file, "# a comment\n\nbuildah:\n --root\nrm, delete: --all\n --force\ntag:\n")
	got, err := ReadSpec(file)
	want := Spec{
		Flags:   map[string][]string{"": {"--root"}, "rm": {"--all", "--force"}, "tag": {}},
		Aliases: map[string][]string{"": {}, "rm": {"delete"}, "tag": {}},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	write(t, file, "no colon\n")
	if _, err := ReadSpec(file); err == nil {
		t.Error("a line without a colon is taken")
	}
	if _, err := ReadDepartures(file); err == nil {
		t.Error("a departure without a reason is taken")
	}
}

// Whatever a script is, it is read to its end.
func FuzzScript(f *testing.F) {
	f.Add(helpers + "@test \"x\" {\n buildah run \"${a[@]}\" $(cat <<E\nE\n)\n}")
	f.Add("a() { a \"$@\" '; } ; a `")
	f.Fuzz(func(t *testing.T, text string) {
		s := parseScript(text)
		w := &walker{functions: s.functions}
		for _, test := range s.tests {
			w.walk(test.body, block{scope: &scope{}, depth: deepest - 2})
		}
	})
}
