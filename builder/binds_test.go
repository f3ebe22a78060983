package builder

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/mountflag"
)

// mountingIn is a mounting whose bundle is a directory of the test.
func (v *env) mountingIn(b *Builder) *mounting {
	v.t.Helper()
	x := plan(b, RunOptions{}, IsolationChroot)
	x.bundle = v.t.TempDir()
	m := newMounting(x)
	v.t.Cleanup(func() { m.undoAll(v.t) })
	return m
}

func (m *mounting) undoAll(t testing.TB) {
	t.Helper()
	for i := len(m.undo) - 1; i >= 0; i-- {
		if err := m.undo[i](); err != nil {
			t.Errorf("undoing: %v", err)
		}
	}
	m.undo = nil
}

// TestPin swaps a source after it was opened: what is mounted is what was opened.
func TestPin(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	dir := tree(t, map[string]string{"good/f": "good", "evil/f": "evil", "file": "good", "secret": "evil"})
	if err := os.Symlink("good", dir+"/link"); err != nil {
		t.Fatal(err)
	}
	m := v.mountingIn(v.from(Scratch))
	type source struct {
		file *os.File
		name string // of the file in it, "" for itself
	}
	sources := []source{
		{try(openHostSource(dir+"/link", false))(t), "f"}, {try(openHostSource(dir+"/good", false))(t), "f"}, {try(openHostSource(dir+"/file", false))(t), ""},
	}
	for _, s := range sources {
		defer s.file.Close()
	}
	for _, swap := range [][2]string{{"link", "evil"}, {"good", "evil"}, {"file", "secret"}} {
		from := filepath.Join(dir, swap[0])
		if err := os.Rename(from, from+"-away"); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(swap[1], from); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range sources {
		at := try(m.pin(s.file, false))(t)
		if text, err := os.ReadFile(filepath.Join(at, s.name)); string(text) != "good" || err != nil {
			t.Errorf("%q shows %q, %v", s.file.Name(), text, err)
		}
	}
	over := try(m.overlay(sources[1].file, "", ""))(t)
	if text, err := os.ReadFile(over + "/f"); string(text) != "good" || err != nil {
		t.Errorf("the overlay shows %q, %v", text, err)
	}
	if err := os.WriteFile(over+"/new", nil, 0o600); err != nil {
		t.Error(err)
	}
	m.undoAll(t)
	if _, err := os.Stat(dir + "/good-away/new"); err == nil {
		t.Error("a write that was to be thrown away reached the source")
	}
	if link, err := openHostSource(dir+"/link", true); err != nil {
		t.Error(err)
	} else if info, err := link.Stat(); err != nil || info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("without following: %v, %v", info, err)
	}
}

// TestRunMounts looks at every kind of mount from inside.
func TestRunMounts(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	dir := tree(t, map[string]string{"vol/f": "vol", "odd,na:me\\x/f": "odd", "ctx/sub/f": "ctx", "single": "one"})
	v.image("lent", smallFiles())
	b := v.busybox(func(o *FromOptions) {
		o.Execution.CommonBuildOpts = &CommonOptions{Volumes: []string{dir + "/vol:/kept:ro", dir + "/vol:/both:ro"}}
	})
	context := try(copier.OpenRoot(dir + "/ctx"))(t)
	defer context.Close()
	before := v.counts()
	for name, c := range map[string]struct {
		mounts MountOptions
		line   string
		want   string
	}{
		"volume":            {MountOptions{Volumes: []string{dir + "/vol:/v"}}, "cat /v/f; echo x > /v/written", "vol"},
		"read-only":         {MountOptions{Volumes: []string{dir + "/vol:/v:ro"}}, "(echo x > /v/f) 2>/dev/null || echo refused", "refused\n"},
		"thrown away":       {MountOptions{Volumes: []string{dir + "/vol:/v:O"}}, "echo new > /v/f; cat /v/f", "new\n"},
		"from the record":   {MountOptions{}, "cat /kept/f; touch /kept/x 2>/dev/null || echo refused", "volrefused\n"},
		"instead of record": {MountOptions{Volumes: []string{dir + "/ctx/sub:/both"}}, "cat /both/f", "ctx"},
		"bind":              {MountOptions{Mounts: []string{"type=bind,src=" + dir + "/single,dst=/s"}}, "cat /s; (echo x > /s) 2>/dev/null || echo refused", "onerefused\n"},
		"bind, rw":          {MountOptions{Mounts: []string{"type=bind,rw,src=" + dir + "/vol,dst=/s"}}, "echo new > /s/f; cat /s/f", "new\n"},
		"bind of a file":    {MountOptions{Mounts: []string{"type=bind,rw,src=" + dir + "/single,dst=/s"}}, "echo new > /s; cat /s", "new\n"},
		"from an image":     {MountOptions{Mounts: []string{"type=bind,from=lent,src=/d,dst=/s"}}, "cat /s/f", "base"},
		"from a root":       {MountOptions{Mounts: []string{"type=bind,from=stage,src=sub,dst=/s"}, Roots: map[string]*copier.Root{"stage": context}}, "cat /s/f", "ctx"},
		"of the context":    {MountOptions{Mounts: []string{"type=bind,dst=/s"}, ContextDir: dir + "/ctx"}, "cat /s/sub/f", "ctx"},
		"tmpfs":             {MountOptions{Mounts: []string{"type=tmpfs,dst=/s,tmpfs-size=1m"}}, "echo x > /s/f && grep -c ' /s tmpfs' /proc/mounts", "1\n"},
		"tmpfs, mode":       {MountOptions{Mounts: []string{"type=tmpfs,dst=/s,tmpfs-mode=700"}}, "stat -c %a /s", "700\n"},
		"relative":          {MountOptions{Mounts: []string{"type=tmpfs,dst=here"}, Workdir: "/w"}, "grep -c ' /w/here tmpfs' /proc/mounts", "1\n"},
		"file in /etc":      {MountOptions{Volumes: []string{dir + "/single:/etc/hosts:ro"}}, "cat /etc/hosts", "one"},
	} {
		t.Run(name, func(t *testing.T) {
			out, err := v.sh(b, c.line, RunOptions{Mounts: c.mounts})
			if out != c.want || err != nil {
				t.Errorf("got %q, %v, want %q", out, err, c.want)
			}
		})
	}
	for name, want := range map[string]string{"vol/f": "vol", "single": "one", "vol/written": "x\n"} {
		if text, err := os.ReadFile(filepath.Join(dir, name)); string(text) != want || err != nil {
			t.Errorf("%q on the host: %q, %v, want %q", name, text, err, want)
		}
	}
	if after := v.counts(); after != before {
		t.Errorf("images, containers, layers: %v, before %v", after, before)
	}
	for _, target := range []string{"v", "s", "kept", "w/here", "both"} {
		if got := v.read(b, target+"/."); got != "missing" {
			t.Errorf("the target %q is left behind", target)
		}
	}
}

func TestRunMountsRefused(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	dir := tree(t, map[string]string{"ctx/f": "x", "secret": "s"})
	if err := os.Symlink("../secret", dir+"/ctx/out"); err != nil {
		t.Fatal(err)
	}
	b := v.busybox()
	for name, c := range map[string]struct {
		mounts MountOptions
		want   string
	}{
		"missing":        {MountOptions{Volumes: []string{dir + "/no:/v"}}, dir + "/no"},
		"twice":          {MountOptions{Volumes: []string{dir + ":/v", dir + ":/v"}}, "duplicate"},
		"two kinds":      {MountOptions{Volumes: []string{dir + ":/v"}, Mounts: []string{"type=tmpfs,dst=/v"}}, "duplicate"},
		"unknown kind":   {MountOptions{Mounts: []string{"type=volume,dst=/v"}}, "volume"},
		"unknown option": {MountOptions{Volumes: []string{dir + ":/v:wild"}}, "wild"},
		"id map":         {MountOptions{Volumes: []string{dir + ":/v:idmap"}}, "idmap"},
		"unknown image":  {MountOptions{Mounts: []string{"type=bind,from=localhost/none:1,dst=/v"}}, "none"},
		"out of context": {MountOptions{Mounts: []string{"type=bind,src=out,dst=/v"}, ContextDir: dir + "/ctx"}, "out"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := v.sh(b, "true", RunOptions{Mounts: c.mounts})
			wantError(t, err, c.want)
			if entries := try(os.ReadDir(v.Host.TempDir))(t); len(entries) != 0 || try(b.Mounted())(t) != "" {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

// TestCacheName holds where caches lie: other tools look there, too.
func TestCacheName(t *testing.T) {
	t.Parallel()
	for text, identity := range map[string]string{
		"type=cache,dst=/b": "/b:0:0", "type=cache,dst=/b,id=x": "x:0:0", "type=cache,dst=/b,id=../../etc,uid=1,gid=2": "../../etc:1:2",
	} {
		m := try(mountflag.ParseMount(text, mountflag.Context{}))(t)
		if got := cacheName(m.Identity()); got != hash(identity)[:16] {
			t.Errorf("%q: got %q, want %q", text, got, hash(identity)[:16])
		}
	}
	e := &Engine{Host: Host{TempDir: "/t", UID: 7}}
	if got := e.cacheRoot(); got != "/t/buildah-cache-7" {
		t.Errorf("caches lie in %q", got)
	}
}

// TestCache keeps what commands write into a cache, until it is pruned.
func TestCache(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox()
	run := func(mount, line string) string {
		out, err := v.sh(b, line, RunOptions{Mounts: MountOptions{Mounts: []string{mount}}})
		if err != nil {
			t.Errorf("%q: %v", line, err)
		}
		return out
	}
	run("type=cache,dst=/c", "mkdir /c/sub; echo kept > /c/sub/f")
	run("type=cache,id=moded,dst=/c,mode=1771,uid=3,gid=4", "true")
	got := []string{
		run("type=cache,dst=/c", "cat /c/sub/f"), run("type=cache,dst=/other", "ls /other"), run("type=cache,id=/c,dst=/other,src=sub,ro", "cat /other/f; touch /other/x 2>/dev/null || echo refused"),
		run("type=cache,dst=/m,id=moded,uid=3,gid=4", "stat -c '%a %u %g' /m"), run("type=cache,dst=/c,uid=5", "ls /c"),
	}
	if diff := cmp.Diff([]string{"kept\n", "", "kept\nrefused\n", "1771 3 4\n", ""}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if err := v.PruneCaches(); err != nil {
		t.Fatal(err)
	}
	if out := run("type=cache,dst=/c", "ls /c"); out != "" {
		t.Errorf("after pruning: %q", out)
	}
	// Somebody else's directory in its place is refused.
	if err := v.PruneCaches(); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(t.TempDir(), v.cacheRoot()); err != nil {
		t.Fatal(err)
	}
	_, err := v.sh(b, "true", RunOptions{Mounts: MountOptions{Mounts: []string{"type=cache,dst=/c"}}})
	wantError(t, err, "not a directory of ours")
}

// TestCacheLock has several commands count in a locked cache.
func TestCacheLock(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox()
	const count = "n=$(cat /c/n 2>/dev/null || echo 0); sleep 0.1; echo $((n+1)) > /c/n"
	o := RunOptions{Mounts: MountOptions{Mounts: []string{"type=cache,sharing=locked,dst=/c"}}}
	errs := make(chan error)
	for range 4 {
		other := try(Open(v.Engine, b.ID()))(t)
		go func() { errs <- other.Run(t.Context(), []string{"/bin/sh", "-c", count}, o) }()
	}
	for range 4 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if out, err := v.sh(b, "cat /c/n", o); strings.TrimSpace(out) != strconv.Itoa(4) {
		t.Errorf("counted to %q, %v", out, err)
	}
	// Who waits for the lock can be told to stop.
	m := v.mountingIn(b)
	name := cacheName("/c:0:0")
	if !try(m.lockCache(t.Context(), name, mountflag.SharingLocked))(t) {
		t.Fatal("a free lock was not given")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := v.mountingIn(b).lockCache(ctx, name, mountflag.SharingLocked); err == nil {
		t.Error("a lock was given twice")
	}
	// Who wants a private one gets another; who shares does not wait.
	mf := mountflag.Mount{Target: "/c", Cache: mountflag.CacheOptions{Sharing: mountflag.SharingPrivate}}
	first, second := v.mountingIn(b), v.mountingIn(b)
	got := []string{try(first.shareCache(ctx, name, mf))(t), try(first.shareCache(ctx, name, mf))(t), try(second.shareCache(ctx, name, mf))(t)}
	if diff := cmp.Diff([]string{name + "-1", name + "-1", name + "-2"}, got); diff != "" {
		t.Errorf("private caches (-want +got):\n%s", diff)
	}
	mf.Cache.Sharing = mountflag.SharingShared
	if got := try(v.mountingIn(b).shareCache(t.Context(), name, mf))(t); got != name {
		t.Errorf("a shared cache is %q", got)
	}
}
