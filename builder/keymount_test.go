package builder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/mountflag"
	"github.com/projectatomic/buildah/internal/secrets"
)

// keysOf gives secrets to the mounts of a run.
func keysOf(o MountOptions, all map[string]string) MountOptions {
	o.Keys = secrets.Given{Secrets: map[string][]byte{}}
	for id, value := range all {
		o.Keys.Secrets[id] = []byte(value)
	}
	return o
}

// TestSecret holds what a command sees of secrets, and that they go with it.
func TestSecret(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox()
	given := map[string]string{"a": "alpha", "bytes": "x\x00y", "long": strings.Repeat("x", maxVariable)}
	for name, c := range map[string]struct {
		mounts     []string
		line, want string
		err        string
	}{
		"file":        {mounts: []string{"type=secret,id=a"}, line: "cat /run/secrets/a; stat -c ' %a %u %g' /run/secrets/a", want: "alpha 400 0 0\n"},
		"read-only":   {mounts: []string{"type=secret,id=a,mode=0666"}, line: "(echo x >/run/secrets/a) 2>/dev/null || echo refused", want: "refused\n"},
		"variable":    {mounts: []string{"type=secret,id=a,env=A"}, line: "echo $A; test ! -e /run/secrets", want: "alpha\n"},
		"both":        {mounts: []string{"type=secret,id=a,env=A,dst=/a"}, line: "echo $A, then; cat /a", want: "alpha, then\nalpha"},
		"bytes":       {mounts: []string{"type=secret,id=bytes,dst=/b"}, line: "wc -c </b", want: "3\n"},
		"absent":      {mounts: []string{"type=secret,id=none", "type=ssh"}, line: "ls -A /run", want: ".containerenv\n"},
		"required":    {mounts: []string{"type=secret,id=none,required"}, err: `secret required but no secret with id "none" found`},
		"agent":       {mounts: []string{"type=ssh,id=x,required"}, err: "ssh required but no ssh with id x found"},
		"no text":     {mounts: []string{"type=secret,id=bytes,env=B"}, err: "it is not text"},
		"too long":    {mounts: []string{"type=secret,id=long,env=L"}, err: "mount it as a file"},
		"same target": {mounts: []string{"type=secret,id=a,dst=/a", "type=tmpfs,dst=/a"}, err: "duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := v.sh(b, c.line, RunOptions{Mounts: keysOf(MountOptions{Mounts: c.mounts}, given)})
			if c.err != "" {
				wantError(t, err, c.err)
			} else if diff := cmp.Diff(c.want, out); diff != "" || err != nil {
				t.Errorf("%v (-want +got):\n%s", err, diff)
			}
			if entries := try(os.ReadDir(v.Host.TempDir))(t); len(entries) != 0 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// TestOnDisk translates ids of the container, and knows those that it does not have.
func TestOnDisk(t *testing.T) {
	t.Parallel()
	x := &execution{Builder: &Builder{}}
	if o, err := x.onDisk(5, 6); err != nil || o.UID != 5 || o.GID != 6 {
		t.Errorf("without maps: %v, %v", o, err)
	}
	maps := []IDMap{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 5000, Size: 10}}
	x.record.IDMappingOptions = IDMappingOptions{UIDMap: maps, GIDMap: maps}
	if o, err := x.onDisk(0, 10); err != nil || o.UID != 1000 || o.GID != 5009 {
		t.Errorf("with maps: %v, %v", o, err)
	}
	if _, err := x.onDisk(0, 11); err == nil {
		t.Error("a group that is not mapped was found")
	}
}

// TestSweepBundles takes away what a killed command left, and nothing of one that lives
// or whose supervisor is at work.
func TestSweepBundles(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	v.Host.RuntimeDir = t.TempDir()
	b := v.from(Scratch)
	begin := func() *mounting {
		x := plan(b, RunOptions{}, IsolationChroot)
		if err := x.makeBundle(); err != nil {
			t.Fatal(err)
		}
		m := newMounting(x)
		if err := m.secret(mountflag.Mount{Target: "/a", Key: mountflag.KeyOptions{ID: "a"}}); err != nil {
			t.Fatal(err)
		}
		if at := try(m.memory())(t); try(os.Stat(at))(t).Mode().Perm() != 0o700 {
			t.Errorf("everybody may look into %q", at)
		}
		return m
	}
	live, dead, tended := begin(), begin(), begin()
	for _, m := range []*mounting{dead, tended} { // as if the process had ended
		if err := unlockBundle(m.bundle); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(v.Host.RuntimeDir, filepath.Base(tended.bundle)), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := sweepBundles(); err != nil {
		t.Error(err)
	}
	for m, want := range map[*mounting]bool{live: true, dead: false, tended: true} {
		if _, err := os.Stat(m.bundle); (err == nil) != want {
			t.Errorf("%q: there is %v, want %v", m.bundle, err, want)
		}
		if want {
			m.undoAll(t)
		}
	}
}

// unlockBundle takes the lock of a bundle from the process that holds it: this one.
func unlockBundle(dir string) error {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, fd := range fds {
		at := filepath.Join("/proc/self/fd", fd.Name())
		if name, err := os.Readlink(at); err == nil && name == filepath.Join(dir, bundleLock) {
			var n int
			for _, digit := range fd.Name() {
				n = n*10 + int(digit-'0')
			}
			return unix.Flock(n, unix.LOCK_UN)
		}
	}
	return os.ErrNotExist
}
