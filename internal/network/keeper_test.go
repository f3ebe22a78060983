package network

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// keeperPID is in the path of a namespace.
func keeperPID(t *testing.T, n *Namespace) int {
	t.Helper()
	pid, err := strconv.Atoi(strings.Split(n.Path, "/")[2])
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

func TestSetupAndTeardown(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.get(m.manager(), "podman")
	if n.Kind != Netavark || len(n.Addresses) != 1 || n.Addresses[0].String() != "10.88.0.2" {
		t.Errorf("got %+v", n.Connection)
	}
	space, err := os.Readlink(n.Path)
	if err != nil || !strings.HasPrefix(space, "net:[") {
		t.Fatalf("%q: %q, %v", n.Path, space, err)
	}
	call := "--config " + m.RunDir + " --rootless=false --aardvark-binary=" + m.ConfigDir + "/aardvark-dns setup SPACE"
	if got := m.read("calls"); got != call || m.read("space-setup") != space {
		t.Errorf("got  %s\nwant %s", got, call)
	}
	if m.leased() != 1 {
		t.Error("no address is leased")
	}
	if err := n.Release(false); err != nil {
		t.Fatal(err)
	}
	await(t, "the keeper ends", func() bool { return m.keepers() == 0 })
	if m.calls() != "setup teardown" || m.read("space-teardown") != space || m.read("input-setup") != m.read("input-teardown") {
		t.Errorf("calls are %q, on %q", m.calls(), m.read("space-teardown"))
	}
	if m.leased() != 0 {
		t.Error("the address is still leased")
	}
}

// TestUsedAgain: by the next step of a build, by one process after the other, but
// never by two at a time.
func TestUsedAgain(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	first, second := m.manager(), m.manager()
	a := m.get(first, "")
	b := m.get(first, "")
	if a.Path == b.Path {
		t.Fatal("two have one namespace")
	}
	path := a.Path
	_ = a.Release(true)
	if c := m.get(first, "podman"); c.Path != path {
		t.Error("the next one has another namespace")
	} else {
		_ = c.Release(true)
	}
	other := m.get(second, "")
	if other.Path == path {
		t.Fatal("another process has it too early")
	}
	_ = other.Release(false)
	_ = b.Release(false)
	_ = first.Close()
	await(t, "it is idle", func() bool {
		idle, _ := filepath.Glob(filepath.Join(m.Dir, idlePrefix+"*"))
		return len(idle) == 1
	})
	if err := Sweep(t.Context(), m.Dir); err != nil {
		t.Fatal(err)
	}
	last := m.get(second, "")
	if last.Path != path || last.Addresses[0].String() != "10.88.0.2" {
		t.Errorf("the next process has another namespace")
	}
	_ = last.Release(false)
	await(t, "all keepers end", func() bool { return m.keepers() == 0 })
	if strings.Count(m.calls(), "setup") != 3 || strings.Count(m.calls(), "teardown") != 3 || m.leased() != 0 {
		t.Errorf("calls are %q", m.calls())
	}
	if idle, _ := filepath.Glob(filepath.Join(m.Dir, idlePrefix+"*")); len(idle) > 0 {
		t.Errorf("%q are left", idle)
	}
}

// TestSettings: a command that sets the kernel's settings leaves them behind.
func TestSettings(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.manager()
	get := func(value string) *Namespace {
		s, err := n.Get(t.Context(), Request{Choice: Choice{Kind: Private}, Settings: map[string]string{"net.ipv4.x": value}})
		if err != nil {
			t.Fatal(err)
		}
		_ = s.Release(true)
		return s
	}
	first := get("1")
	if second := get("2"); second.Path == first.Path {
		t.Error("the settings of another are taken over")
	}
	if third := get("1"); third.Path != first.Path {
		t.Error("the same settings, but another namespace")
	}
}

// TestIdleEnds: nobody comes.
func TestIdleEnds(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.manager()
	_ = m.get(n, "").Release(true)
	_ = n.Close()
	await(t, "the keeper ends", func() bool { return m.keepers() == 0 })
	if m.calls() != "setup teardown" || m.leased() != 0 {
		t.Errorf("calls are %q", m.calls())
	}
}

// TestNamedNotUsedAgain: the name server knows the container by its name.
func TestNamedNotUsedAgain(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	write(t, m.ConfigDir, "web.json", strings.ReplaceAll(bridge, "10.89", "10.233"))
	n := m.manager()
	first := m.get(n, "web")
	path := first.Path
	_ = first.Release(true)
	second := m.get(n, "web")
	if second.Path == path {
		t.Error("the same namespace")
	}
	_ = second.Release(true)
	await(t, "the keepers end", func() bool { return m.keepers() == 0 })
}

func TestSetupFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	write(t, m.ConfigDir, "fail-setup", "")
	n := m.manager()
	_, err := m.tryGet(n, "podman")
	if err == nil || err.Error() != "netavark setup: exit status 1: it is broken" {
		t.Errorf("got %v", err)
	}
	await(t, "the keeper ends", func() bool { return m.keepers() == 0 })
	if m.calls() != "setup teardown" || m.leased() != 0 {
		t.Errorf("calls are %q", m.calls())
	}
	// There is no pasta either: the reasons are all told, and not looked for again.
	for range 2 {
		_, err = m.tryGet(n, "")
		if !errors.Is(err, ErrNone) || !strings.Contains(err.Error(), "it is broken; pasta is not installed") {
			t.Errorf("got %v", err)
		}
	}
	if m.calls() != "setup teardown setup teardown" {
		t.Errorf("calls are %q", m.calls())
	}
}

// TestNextBest: what is installed and fails is told of, when there is something else.
func TestNextBest(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	if _, err := os.OpenFile("/dev/net/tun", os.O_RDWR, 0); err != nil {
		t.Skip("needs the device /dev/net/tun")
	}
	write(t, m.ConfigDir, "fail-setup", "")
	m.program("pasta", `#!/bin/sh
PATH=/usr/bin:/bin
echo "$*" | sed "s|$(dirname "$0")||" >"$(dirname "$0")/pasta-calls"
case $* in *--map-guest-addr*) printf "pasta: unrecognized option '--map-guest-addr'\nUsage: pasta\n  -x\n" >&2; exit 1 ;; esac
`)
	n := m.get(m.manager(), "")
	if n.Kind != Pasta || n.Notice != "netavark setup: exit status 1: it is broken" || n.Host != NoHost {
		t.Errorf("got %+v, %q", n.Connection, n.Notice)
	}
	space, err := os.Readlink(n.Path)
	if err != nil || !strings.HasPrefix(space, "net:[") {
		t.Errorf("%q: %v", space, err)
	}
	if calls := m.read("pasta-calls"); strings.Contains(calls, mapGuest) || !strings.Contains(calls, "--quiet --netns /keepers/") {
		t.Errorf("pasta was called with %q", calls)
	}
	_ = n.Release(false)
	await(t, "the keeper ends", func() bool { return m.keepers() == 0 })
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), m.Dir) {
		t.Errorf("a namespace is still mounted (%v)", err)
	}
}

func TestMissingPrograms(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	for word, says := range map[string]string{
		"pasta": "pasta is not installed", "slirp4netns:mtu=1500": "slirp4netns is not installed", "web": "network not found",
	} {
		if _, err := m.tryGet(m.manager(), word); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", word, err, says)
		}
	}
	m.Rootless = true
	for word, says := range map[string]string{
		"podman": "for the machine's root only", "": "no private network: pasta is not installed; slirp4netns is not installed",
	} {
		if _, err := m.tryGet(m.manager(), word); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: got %v, want %q", word, err, says)
		}
	}
	m.RootlessCmd = "magic"
	if _, err := m.tryGet(m.manager(), ""); err == nil || !strings.Contains(err.Error(), `"magic" is neither`) {
		t.Errorf("got %v", err)
	}
	m.Rootless, m.Backend = false, "cni"
	if _, err := m.tryGet(m.manager(), "podman"); err == nil || !strings.Contains(err.Error(), `"cni" is not supported`) {
		t.Errorf("got %v", err)
	}
}

// TestKeeperKilled: the next command finds out, and cleans up with another namespace.
func TestKeeperKilled(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.manager()
	s := m.get(n, "")
	if err := syscall.Kill(keeperPID(t, s), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the namespace is gone", func() bool { _, err := os.Stat(s.Path); return err != nil })
	_ = s.Release(true)
	other := m.get(n, "")
	if other.Path == s.Path {
		t.Error("a dead one is used again")
	}
	_ = other.Release(false)
	await(t, "the other one ends", func() bool { return m.keepers() == 1 })
	if m.leased() != 1 {
		t.Error("the address is free too early")
	}
	if err := Sweep(t.Context(), m.Dir); err != nil {
		t.Fatal(err)
	}
	if m.keepers() != 0 || m.leased() != 0 || m.calls() != "setup "+"setup teardown setup teardown" {
		t.Errorf("%d keepers, %d addresses, calls %q", m.keepers(), m.leased(), m.calls())
	}
	if err := Sweep(t.Context(), filepath.Join(m.Dir, "none")); err != nil {
		t.Error(err)
	}
}

// TestTeardownFails: the sweep tries once more and says why, once.
func TestTeardownFails(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	write(t, m.ConfigDir, "fail-teardown", "")
	s := m.get(m.manager(), "")
	pid := keeperPID(t, s)
	_ = s.Release(false)
	await(t, "the keeper ends", func() bool { return syscall.Kill(pid, 0) != nil })
	if err := Sweep(t.Context(), m.Dir); err == nil || !strings.Contains(err.Error(), "it is broken") {
		t.Errorf("got %v", err)
	}
	if err := Sweep(t.Context(), m.Dir); err != nil || m.leased() != 0 {
		t.Errorf("got %v, and %d addresses", err, m.leased())
	}
}

// TestOwnedByMaps: a container with a user namespace of its own owns its network.
func TestOwnedByMaps(t *testing.T) {
	t.Parallel()
	m := newMachine(t)
	n := m.manager()
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: 200000, Size: 1000}}
	r := Request{Choice: Choice{Kind: Private}, IDs: IDMaps{UIDs: maps, GIDs: maps}}
	s, err := n.Get(t.Context(), r)
	if err != nil {
		t.Fatal(err)
	}
	user, err := os.Readlink(s.UserPath)
	if ours, _ := os.Readlink("/proc/self/ns/user"); err != nil || !strings.HasPrefix(user, "user:[") || user == ours {
		t.Errorf("the user namespace is %q, %v", user, err)
	}
	plain := m.get(n, "")
	if plain.UserPath != "" || plain.Path == s.Path {
		t.Error("one of another owner is given")
	}
	_, _ = plain.Release(false), s.Release(false)
	await(t, "the keepers end", func() bool { return m.keepers() == 0 })
}
