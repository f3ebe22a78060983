package network

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.podman.io/storage/pkg/reexec"
)

func TestMain(m *testing.M) {
	Register()
	if reexec.Init() {
		return
	}
	os.Exit(m.Run())
}

// machine is a configuration of its own, with programs that only write down what they
// are called with.
type machine struct {
	Config
	t *testing.T
}

// fakeNetavark answers like the real one, for the one network that it is given.
const fakeNetavark = `#!/bin/sh
case $1 in --version) echo "netavark $(cat DIR/version)"; exit ;; esac
for last; do :; done
verb=$(eval "echo \${$(($# - 1))}")
cat >"DIR/input-$verb"
echo "$*" | sed "s|$last|SPACE|" >>DIR/calls
[ -e "$last" ] || { echo '{"error":"no namespace"}'; exit 1; }
readlink "$last" >"DIR/space-$verb"
if [ -e "DIR/fail-$verb" ]; then printf '%s\n' '{"error":"it is\nbroken"}'; exit 1; fi
[ "$verb" = teardown ] || echo '{"podman":{"interfaces":{"eth0":{"subnets":[{"gateway":"10.88.0.1","ipnet":"10.88.0.2/16"}]}}}}'
`

func newMachine(t *testing.T) *machine {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root, to make network namespaces")
	}
	dir := t.TempDir()
	m := &machine{t: t, Config: Config{
		Dir: filepath.Join(dir, "keepers"), ConfigDir: dir, RunDir: filepath.Join(dir, "run"), LockFiles: []string{filepath.Join(dir, "netavark.lock")},
		Default: "podman", DefaultSubnet: "10.88.0.0/16", HelperDirs: []string{dir}, Env: []string{"PATH=" + dir},
	}}
	write(t, dir, "version", "1.4.0")
	m.program("netavark", strings.ReplaceAll(fakeNetavark, "DIR", dir))
	t.Cleanup(func() { await(t, "the keepers end", func() bool { return m.keepers() == 0 }) })
	return m
}

func (m *machine) program(name, text string) {
	m.t.Helper()
	if err := os.WriteFile(filepath.Join(m.ConfigDir, name), []byte(text), 0o755); err != nil {
		m.t.Fatal(err)
	}
}

// read gives a file that a program wrote, "" if it did not.
func (m *machine) read(name string) string {
	data, err := os.ReadFile(filepath.Join(m.ConfigDir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// manager gives one that is closed at the end.
func (m *machine) manager() *Manager {
	n := NewManager(m.Config)
	m.t.Cleanup(func() { _ = n.Close() })
	return n
}

func (m *machine) get(n *Manager, word string) *Namespace {
	m.t.Helper()
	s, err := m.tryGet(n, word)
	if err != nil {
		m.t.Fatal(err)
	}
	return s
}

func (m *machine) tryGet(n *Manager, word string) (*Namespace, error) {
	m.t.Helper()
	choice, err := Parse(word)
	if err != nil {
		m.t.Fatal(err)
	}
	return n.Get(m.t.Context(), Request{Choice: choice, Container: "work"})
}

// keepers counts the directories of keepers.
func (m *machine) keepers() int {
	names, _ := filepath.Glob(filepath.Join(m.Dir, "*", lockFile))
	return len(names)
}

// leased counts the addresses in use.
func (m *machine) leased() int {
	m.t.Helper()
	return strings.Count(fmt.Sprint(dump(m.t, filepath.Join(m.RunDir, leaseFile))), "podman/ids/")
}

// calls are the verbs that netavark was called with.
func (m *machine) calls() string {
	var verbs []string
	for line := range strings.Lines(m.read("calls")) {
		fields := strings.Fields(line)
		verbs = append(verbs, fields[len(fields)-2])
	}
	return strings.Join(verbs, " ")
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("waited in vain: %s", what)
}
