package hooks

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/runtime-spec/specs-go"
)

func spec() *specs.Spec {
	return &specs.Spec{
		Process: &specs.Process{Args: []string{"/usr/bin/python3"}}, Root: &specs.Root{Path: "/r"}, Linux: &specs.Linux{},
		Annotations: map[string]string{"example.com/trace": "yes"},
	}
}

func TestMatch(t *testing.T) {
	t.Parallel()
	const current = `{"version": "1.0.0", "hook": {"path": "/bin/true"}, "stages": ["prestart"], "when": {%s}}`
	const old = `{"hook": "/bin/true", "stage": ["prestart"]%s}`
	for text, want := range map[string]bool{
		fmt.Sprintf(current, ``):                                                      false,
		fmt.Sprintf(current, `"always": true`):                                        true,
		fmt.Sprintf(current, `"always": false`):                                       false,
		fmt.Sprintf(current, `"hasBindMounts": true`):                                 true,
		fmt.Sprintf(current, `"hasBindMounts": false`):                                false,
		fmt.Sprintf(current, `"commands": ["python3?$"]`):                             true,
		fmt.Sprintf(current, `"commands": ["^python", "perl"]`):                       false,
		fmt.Sprintf(current, `"commands": ["python"], "always": false`):               false,
		fmt.Sprintf(current, `"annotations": {"^example\\.com/trace$": "^yes$"}`):     true,
		fmt.Sprintf(current, `"annotations": {"trace": "yes", "other": ""}`):          false,
		fmt.Sprintf(old, ``):                                                          false,
		fmt.Sprintf(old, `, "cmd": ["perl"], "annotations": ["yes"]`):                 true,
		fmt.Sprintf(old, `, "cmds": ["python"], "annotation": ["no"], "version": ""`): true,
		fmt.Sprintf(old, `, "hasbindmounts": true`):                                   true,
	} {
		h, err := parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		s, err := Set{[]hook{h}}.Apply(t.Context(), spec(), true)
		if err != nil || (s.Hooks != nil) != want {
			t.Errorf("%s: got %+v, %v, want %t", text, s.Hooks, err, want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{`:                                 "JSON",
		`{"version": "2"}`:                  "not known",
		`{"hook": "bin/x"}`:                 "not absolute",
		`{"hook": "/x"}`:                    "no stage",
		`{"hook": "/x", "stage": ["late"]}`: `"late"`,
		`{"hook": "/x", "stage": ["prestart"], "stages": ["x"]}`:                                                    "both",
		`{"hook": "/x", "stage": ["prestart"], "cmd": ["("]}`:                                                       "missing closing",
		`{"version": "1.0.0", "hook": {"path": "/x", "timeout": 0}, "stages": ["precreate"]}`:                       "not positive",
		`{"version": "1.0.0", "hook": {"path": "/x"}, "stages": ["precreate"], "when": {"annotations": {"[": ""}}}`: "missing closing",
	} {
		if _, err := parse([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, err, want)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	low, high := t.TempDir(), t.TempDir()
	write := func(dir, name, stage string) {
		text := fmt.Sprintf(`{"version": "1.0.0", "hook": {"path": "/bin/sh", "args": [%q]}, "when": {"always": true}, "stages": [%q]}`, filepath.Base(dir)+name, stage)
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(low, "b.json", "poststop")
	write(low, "A.json", "poststop")
	write(low, "c.txt", "nonsense")
	write(high, "b.json", "poststop")
	set, err := Load([]string{low, filepath.Join(low, "nosuch"), high})
	if err != nil || set.Empty() {
		t.Fatal(set, err)
	}
	s, err := set.Apply(t.Context(), spec(), false)
	if err != nil {
		t.Fatal(err)
	}
	got := s.Hooks.Poststop
	if len(got) != 2 || got[0].Args[0] != filepath.Base(low)+"A.json" || got[1].Args[0] != filepath.Base(high)+"b.json" {
		t.Errorf("got %+v", got)
	}
	write(high, "z.json", "nonsense")
	if _, err := Load([]string{high}); err == nil || !strings.Contains(err.Error(), `"z.json"`) {
		t.Errorf("got %v", err)
	}
}

func TestPreCreate(t *testing.T) {
	t.Parallel()
	try := func(script string) (*specs.Spec, error) {
		one := 1
		h := hook{file: "f.json", stages: []string{preCreate}, when: when{always: new(bool)}}
		*h.when.always = true
		h.hook = specs.Hook{Path: "/bin/sh", Args: []string{"sh", "-c", script}, Env: []string{"NAME=from-hook"}, Timeout: &one}
		return Set{[]hook{h}}.Apply(t.Context(), spec(), false)
	}
	s, err := try(`read -r all; echo "$all" | while read -r line; do echo "${line%\}},\"hostname\":\"$NAME\"}"; done`)
	if err != nil || s.Hostname != "from-hook" || s.Process.Args[0] != "/usr/bin/python3" {
		t.Errorf("got %+v, %v", s, err)
	}
	for script, want := range map[string]string{
		"echo first >&2; echo why >&2; exit 3": `running the hook "f.json": exit status 3: why`,
		"echo x":                               "no configuration",
		"echo {}":                              "missing",
		"exec /bin/busybox sleep 5":            "deadline",
	} {
		if _, err := try(script); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", script, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"version": "1.0.0", "hook": {"path": "/bin/true"}, "stages": ["prestart"], "when": {"commands": ["x"]}}`))
	f.Add([]byte(`{"hook": "/bin/true", "stage": ["prestart"], "annotation": ["a"]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		h, err := parse(data)
		if err != nil {
			return
		}
		if _, err := h.when.match(spec(), true); err != nil {
			t.Error(err)
		}
		if !filepath.IsAbs(h.hook.Path) || len(h.stages) == 0 {
			t.Errorf("accepted %+v", h)
		}
	})
}
