package builder

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/secrets"
	"github.com/projectatomic/buildah/internal/testenv"
)

// scripts is an env whose steps come from the cache, and what was said about them.
type scripts struct {
	*env
	said []string
}

func newScripts(t *testing.T) *scripts {
	t.Helper()
	v := &scripts{env: &env{t: t}}
	v.Engine = engineOn(testenv.MemoryStore(t), t.TempDir())
	v.Steps = buildcache.Open(v.Store.GraphRoot())
	v.Info = func(format string, args ...any) { v.said = append(v.said, fmt.Sprintf(format, args...)) }
	testenv.Busybox(t, v.Store)
	return v
}

// hits counts the steps that work takes from the cache.
func (v *scripts) hits(work func()) (n int) {
	v.t.Helper()
	v.said = nil
	work()
	for _, line := range v.said {
		if strings.Contains(line, ": from the cache: ") {
			n++
		}
	}
	return n
}

// ended is why the cache has ended, "" while it has not.
func (v *scripts) ended(b *Builder) string {
	v.t.Helper()
	r := try(Open(v.Engine, b.ID()))(v.t).Record()
	if r.Steps == nil {
		return "no chain"
	}
	return r.Steps.Ended
}

// start makes a container, apart from those of other tests by a variable.
func (v *scripts) start() *Builder {
	v.t.Helper()
	b := v.busybox()
	v.configure(b, "TEST="+v.t.Name())
	return b
}

func (v *scripts) configure(b *Builder, env string) {
	v.t.Helper()
	var c Change
	c.Process.Env = []string{env}
	try(b.Configure(c))(v.t)
	if err := b.Save(); err != nil {
		v.t.Fatal(err)
	}
}

func (v *scripts) ran(b *Builder, line string, o RunOptions) string {
	v.t.Helper()
	return try(v.sh(b, line, o))(v.t)
}

func (v *scripts) added(b *Builder, dest, source string, change ...func(*AddOptions)) Added {
	v.t.Helper()
	o := AddOptions{}
	for _, c := range change {
		c(&o)
	}
	return try(b.Add(v.t.Context(), dest, []string{source}, o))(v.t)
}

func TestStepsAreTakenFromTheCache(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	dir := tree(t, map[string]string{"data/file": "one"})
	script := func() (b *Builder, digest string, done Committed) {
		b = v.start()
		v.ran(b, "date +%N > /built", RunOptions{})
		v.configure(b, "A=b")
		digest = v.added(b, "/data", dir+"/data").Summary()
		v.ran(b, "rm -r /tmp; cat /built > /copy", RunOptions{})
		return b, digest, v.commit(b, "result")
	}
	first, digest, one := script()
	var second *Builder
	var two Committed
	n := v.hits(func() {
		var again string
		if second, again, two = script(); again != digest {
			t.Errorf("the digest of what was added: %q, then %q", digest, again)
		}
	})
	if n != 3 || one.ID != two.ID || one.Manifest.Digest != two.Manifest.Digest {
		t.Errorf("%d hits, images %q and %q", n, one.ID, two.ID)
	}
	if diff := cmp.Diff(v.listing(first), v.listing(second)); diff != "" {
		t.Errorf("the containers differ:\n%s", diff)
	}
	a, b := *first.Record(), *second.Record()
	for _, r := range []*Record{&a, &b} {
		r.Container, r.ContainerID, r.Steps = "", "", nil
		r.OCIv1.Created, r.Docker.Created = nil, time.Time{}
	}
	if diff := cmp.Diff(a, b); diff != "" {
		t.Errorf("the records differ:\n%s", diff)
	}
	img := one.State.Image.OCI
	if len(img.RootFS.DiffIDs) != 4 || len(img.History) != 4 || img.History[1].Comment != "FROM localhost/busybox:latest" || img.History[2].Comment != "" {
		t.Errorf("%d layers, history %+v", len(img.RootFS.DiffIDs), img.History)
	}
	v.check()
}

// TestWhatStepsFollowFrom does a step, then the same with one change.
func TestWhatStepsFollowFrom(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	dir := tree(t, map[string]string{"data/file": "one", "other/data/file": "one", "exe": "x", "exe2": "x"})
	type act func(*testing.T, *Builder)
	add := func(source string, change ...func(*AddOptions)) act {
		return func(_ *testing.T, b *Builder) { v.added(b, "/data/", dir+"/"+source, change...) }
	}
	run := func(line string, change ...func(*RunOptions)) act {
		return func(_ *testing.T, b *Builder) {
			var o RunOptions
			for _, c := range change {
				c(&o)
			}
			v.ran(b, line, o)
		}
	}
	write := func(name, text string) func() {
		return func() {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	touch := func() {
		if err := os.Chtimes(dir+"/data/file", time.Unix(1, 0), time.Unix(1, 0)); err != nil {
			t.Fatal(err)
		}
	}
	chmod := func() {
		if err := os.Chmod(dir+"/data/file", 0o755); err != nil {
			t.Fatal(err)
		}
	}
	before := func(env string, a act) act {
		return func(t *testing.T, b *Builder) { v.configure(b, env); a(t, b) }
	}
	config := func(set func(*imageconfig.Image), a act) act {
		return func(t *testing.T, b *Builder) {
			set(b.Image())
			if err := b.Save(); err != nil {
				t.Fatal(err)
			}
			a(t, b)
		}
	}
	bind := func(text string) func(*RunOptions) {
		return func(o *RunOptions) { o.Mounts.Mounts = []string{"type=bind,dst=/mnt,src=" + dir + "/" + text} }
	}
	secret := func(value string) func(*RunOptions) {
		return func(o *RunOptions) {
			o.Mounts.Mounts = []string{"type=secret,id=s"}
			o.Mounts.Keys = secrets.Given{Secrets: map[string][]byte{"s": []byte(value)}}
		}
	}
	const line = "date +%N > /built"
	for name, tc := range map[string]struct {
		first  act
		change func()
		second act
		hit    bool
	}{
		"add: the same":                  {first: add("data"), hit: true},
		"add: touched":                   {first: add("data"), change: touch, hit: true},
		"add: elsewhere":                 {first: add("data"), second: add("other/data"), hit: true},
		"add: another source of a name":  {first: add("exe"), second: add("exe2")},
		"add: content":                   {first: add("data"), change: write("data/file", "two")},
		"add: mode of a file":            {first: add("data"), change: chmod},
		"add: a further file":            {first: add("data"), change: write("data/more", "")},
		"add: chown":                     {first: add("data"), second: add("data", func(o *AddOptions) { o.Ownership.Chown = "1:1" })},
		"add: chmod":                     {first: add("data"), second: add("data", func(o *AddOptions) { o.Ownership.Chmod = "700" })},
		"add: times":                     {first: add("data"), second: add("data", func(o *AddOptions) { t := fixedTime(); o.Timestamp = &t })},
		"add: verb":                      {first: add("data"), second: add("data", func(o *AddOptions) { o.Extract = true })},
		"add: in another workdir":        {first: add("data"), second: config(func(i *imageconfig.Image) { i.SetWorkDir("/w") }, add("data"))},
		"add: on other files":            {first: add("data"), second: func(t *testing.T, b *Builder) { v.added(b, "/x", dir+"/exe"); add("data")(t, b) }},
		"run: the same":                  {first: run(line), hit: true},
		"run: another command":           {first: run(line), second: run("date  +%N > /built")},
		"run: variable of the image":     {first: run(line), second: before("A=b", run(line))},
		"run: variable of the run":       {first: run(line), second: run(line, func(o *RunOptions) { o.Process.Env = []string{"A=b"} })},
		"run: user":                      {first: run("date >/tmp/x"), second: run("date >/tmp/x", func(o *RunOptions) { o.Process.User = "daemon" })},
		"run: workdir":                   {first: run(line), second: run(line, func(o *RunOptions) { o.Process.Workdir = "/tmp" })},
		"run: hostname":                  {first: run(line), second: run(line, func(o *RunOptions) { o.Process.Hostname = "hn" })},
		"run: capability":                {first: run(line), second: run(line, func(o *RunOptions) { o.Security.CapDrop = []string{"CAP_CHOWN"} })},
		"run: network":                   {first: run(line), second: run(line, func(o *RunOptions) { o.Network = NetworkEnabled })},
		"run: namespace":                 {first: run(line), second: run(line, func(o *RunOptions) { o.Namespaces = []Namespace{{Name: "ipc", Host: true}} })},
		"run: hosts":                     {first: run(line), second: run(line, func(o *RunOptions) { o.NoHosts = true })},
		"run: statuses":                  {first: run(line), second: run(line, func(o *RunOptions) { o.ValidCodes = []int{0, 3} })},
		"run: input":                     {first: run("cat >/x", file(t, dir, "exe")), second: run("cat >/x", file(t, dir, "data/file"))},
		"run: the same input":            {first: run("cat >/x", file(t, dir, "exe")), second: run("cat >/x", file(t, dir, "exe2")), hit: true},
		"run: mounted content":           {first: run("cat /mnt/file >/x", bind("data")), change: write("data/file", "three")},
		"run: mounted elsewhere":         {first: run("cat /mnt/file >/x", bind("data")), second: run("cat /mnt/file >/x", bind("other/data")), hit: true},
		"run: mounted or not":            {first: run("cat /mnt/file >/x; true"), second: run("cat /mnt/file >/x; true", bind("data"))},
		"run: another value of a secret": {first: run("date >/x", secret("a")), second: run("date >/x", secret("b")), hit: true},
		"run: without the secret":        {first: run("date >/x", secret("a")), second: run("date >/x", func(o *RunOptions) { o.Mounts.Mounts = []string{"type=secret,id=s"} })},
		"run: that changes nothing":      {first: run("date")},
		"run: an open pipe":              {first: run("cat >/x", pipe(t)), second: run("cat >/x")},
	} {
		t.Run(name, func(t *testing.T) {
			for name, text := range map[string]string{"data/file": "one", "other/data/file": "one"} {
				write(name, text)()
				if err := os.Chmod(filepath.Join(dir, name), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.RemoveAll(dir + "/data/more"); err != nil {
				t.Fatal(err)
			}
			fresh := func() *Builder { b := v.start(); v.configure(b, "CASE="+name); return b }
			tc.first(t, fresh())
			if tc.change != nil {
				tc.change()
			}
			if tc.second == nil {
				tc.second = tc.first
			}
			b := fresh()
			if n := v.hits(func() { tc.second(t, b) }); (n > 0) != tc.hit {
				t.Errorf("%d hits; %v", n, v.said)
			}
			if reason := v.ended(b); reason != "" {
				t.Errorf("the cache has ended: %s", reason)
			}
		})
	}
}

// file makes a file the input of a command.
func file(t *testing.T, dir, name string) func(*RunOptions) {
	t.Helper()
	return func(o *RunOptions) {
		f := try(os.Open(filepath.Join(dir, name)))(t)
		t.Cleanup(func() { f.Close() })
		o.Stdio.In = f
	}
}

// pipe makes a pipe the input of a command, to which somebody writes a little later.
func pipe(t *testing.T) func(*RunOptions) {
	t.Helper()
	return func(o *RunOptions) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { r.Close() })
		time.AfterFunc(50*time.Millisecond, func() { _, _ = w.WriteString("late"); w.Close() })
		o.Stdio.In = r
	}
}
