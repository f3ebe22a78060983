package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHelpThemes(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, c := range pages(testProgram().app().Commands) {
		options := byName(c.Flags)
		groups := byTheme(options)
		for _, o := range options {
			used[o.name] = true
		}
		if len(options) < manyFlags {
			continue
		}
		shown := 0
		for _, g := range groups {
			shown += len(g.options)
		}
		if shown != len(options) {
			t.Errorf("the help of %s shows %d of %d flags", c.name, shown, len(options))
		}
		for _, o := range groups[len(groups)-1].options {
			t.Errorf("--%s of %s is below no heading of themes.go", o.name, c.name)
		}
	}
	seen := map[string]string{}
	for _, theme := range themes() {
		for name := range strings.FieldsSeq(theme.flags) {
			if seen[name] != "" {
				t.Errorf("--%s is below %q and %q", name, seen[name], theme.title)
			}
			if seen[name] = theme.title; !used[name] {
				t.Errorf("themes.go has --%s, which no command has", name)
			}
		}
	}
}

func TestHelpRowsWrap(t *testing.T) {
	t.Parallel()
	rows := [][2]string{{"  -a", "one two three four five six seven"}, {"  --name-that-is-far-longer-than-others-are", "eight nine ten eleven"}}
	for width, want := range map[int]string{
		0:  "  -a   one two three four five six seven\n  --name-that-is-far-longer-than-others-are   eight nine ten eleven\n",
		20: "  -a   one two three four five six seven\n  --name-that-is-far-longer-than-others-are   eight nine ten eleven\n",
		33: "  -a   one two three four five\n       six seven\n  --name-that-is-far-longer-than-others-are   eight\n       nine ten eleven\n",
	} {
		b := &helpPage{width: width}
		b.rows(rows)
		if diff := cmp.Diff(want, b.String()); diff != "" {
			t.Errorf("width %d (-want +got):\n%s", width, diff)
		}
	}
}

func TestForeignCommandsNameOurs(t *testing.T) {
	t.Parallel()
	app := testProgram().app()
	for line, want := range map[string]string{
		"image ls": "buildah images", "image rm x": "buildah rmi", "container ls": "buildah containers", "system prune": "buildah prune",
		"exec x": "buildah run", "save": "docker-archive:", "load": "docker-archive:", "export x": "type=tar", "history x": "inspect --tree",
		"buildx build .": "buildah build", "image history x": "inspect --tree", "start x": "does not keep running", "compose up": "podman compose",
		"image": "buildah images", "container frobnicate": "buildah containers", "cp a b": "buildah copy", "imagse": "did you mean `buildah images`",
		"mkcw a b": "confidential", "frobnicate": "`buildah help` lists",
	} {
		_, err := readArgv(app, strings.Fields(line))
		_, hints := advice(err)
		if got := strings.Join(hints, "\n"); !strings.Contains(got, want) {
			t.Errorf("%q is answered with %q, which does not say %q", line, got, want)
		}
		for _, h := range hints { // what is named has to be there
			if rest, ok := strings.CutPrefix(h, "use `buildah "); ok {
				name, _, _ := strings.Cut(strings.TrimRight(rest, "`"), " ")
				if findCommand(app.Commands, strings.TrimRight(name, "`,")) == nil {
					t.Errorf("%q is answered with %q, which is no command", line, h)
				}
			}
		}
	}
}
