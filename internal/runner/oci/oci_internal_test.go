package oci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestExplain(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, said, want string }{
		{"nothing", "", "fallback"},
		{"runc", "time=\"2026\" level=warning msg=\"old\"\nrunc run failed: unable to start container process: exec: \"x\": executable file not found in $PATH\n", `exec: "x": executable file not found in $PATH`},
		{"only a log entry", `time="2026" level=error msg="runc run failed: exec: \"x\": no"`, `exec: "x": no`},
		{"only a warning", `time="2026" level=warning msg="w"`, "w"},
		{"broken log entry", `time="2026" level=error msg="half`, `"half`},
		{"log entry without a message", "time=x", "time=x"},
	}
	for _, tt := range tests {
		if got := explain(tt.said, "fallback"); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestRuntimeEnv(t *testing.T) {
	t.Parallel()
	got := runtimeEnv([]string{"A=b", "NOTIFY_SOCKET=/x", "LISTEN_FDS=3"})
	if diff := cmp.Diff("A=b", got[0]); diff != "" || len(got) != 2 || !strings.HasPrefix(got[1], "PATH=") {
		t.Fatalf("environment is %q", got)
	}
}

func TestFindRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "plain"), nil, 0o644); err != nil {
		t.Fatal(err)
	}
	s := Search{StateDir: filepath.Join(dir, "state"), Env: []string{"PATH=" + dir}}
	for name, want := range map[string]string{
		"nothing-here":              "containers.conf",
		filepath.Join(dir, "plain"): "not a program",
		filepath.Join(dir, "gone"):  "no such file",
		"plain":                     "not found",
	} {
		s.Name = name
		if _, err := Find(t.Context(), s); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error is %v, want one with %q", name, err, want)
		}
	}
}

// TestFindSkipsWhatDoesNotWork has a runtime that always fails, and tells why.
func TestFindSkipsWhatDoesNotWork(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	dir := t.TempDir()
	script := "#!/bin/sh\necho ran >> " + dir + "/log\necho 'cannot do it' >&2\nexit 1\n"
	if err := os.WriteFile(filepath.Join(dir, "crun"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	s := Search{StateDir: filepath.Join(dir, "state"), Env: []string{"PATH=" + dir}}
	for range 2 { // the second time the verdict is known
		_, err := Find(t.Context(), s)
		if err == nil || !strings.Contains(err.Error(), "crun does not work here") || !strings.Contains(err.Error(), "runc is not installed") {
			t.Fatalf("error is %v", err)
		}
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil || strings.Count(string(log), "ran") > 3 {
		t.Fatalf("the runtime was called too often: %q, %v", log, err)
	}
}
