package security

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/testenv"
)

const (
	// firstID is where the identifiers of the ordinary user begin, who is root in
	// the namespace that the tests make as newuidmap would.
	firstID, countIDs = 200_000, 65_536
	// baseImage is the name of an image with busybox.
	baseImage = "localhost/base"
)

// place is a store, a context and a canary.
type place struct {
	t      *testing.T
	mode   mode
	dir    string // of everything but the canary
	canary string // a directory
	token  string // what is in it, and in a variable of the program
	before map[string]string
	env    []string
	groups []uint32 // of the caller
	stdin  string
	stdout *os.File // of the caller, where it is not to be read
}

func newPlace(t *testing.T, m mode) *place {
	t.Helper()
	p := &place{t: t, mode: m}
	p.dir, p.canary = p.open("buildah-attack-"), p.open("buildah-canary-")
	random := make([]byte, 12)
	_, _ = rand.Read(random)
	p.token = "canary-" + hex.EncodeToString(random)
	p.bait()
	for name, text := range map[string]string{
		"policy.json":     `{"default":[{"type":"insecureAcceptAnything"}]}`,
		"registries.conf": "unqualified-search-registries = []\nshort-name-mode = \"permissive\"\n[[registry]]\nlocation = \"127.0.0.1\"\ninsecure = true\n",
		"storage.conf":    "[storage]\ndriver = \"overlay\"\n",
		"tmp/":            "", "home/": "", "context/": "",
	} {
		p.write(name, text)
	}
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BUILDAH_") && !strings.HasPrefix(kv, "XDG_") {
			p.env = append(p.env, kv)
		}
	}
	p.env = append(p.env, "CONTAINERS_POLICY_JSON="+p.path("policy.json"), "CONTAINERS_REGISTRIES_CONF="+p.path("registries.conf"), "CONTAINERS_STORAGE_CONF="+p.path("storage.conf"),
		"TMPDIR="+p.path("tmp"), "HOME="+p.path("home"), "BUILDAH_ISOLATION="+m.isolation, "BUILDAH_RUNTIME=runc", "HOST_CANARY="+p.token)
	if m.user {
		p.env = append(p.env, "_CONTAINERS_USERNS_CONFIGURED=done", fmt.Sprintf("_CONTAINERS_ROOTLESS_UID=%d", firstID), "XDG_RUNTIME_DIR="+p.path("home"))
	}
	p.image(baseImage, files(t))
	p.before = p.look()
	t.Cleanup(p.check)
	return p
}

// open makes a directory that goes with the test, whatever is mounted below it.
func (p *place) open(prefix string) string {
	dir, err := os.MkdirTemp("/var/tmp", prefix)
	must(p.t, err)
	must(p.t, os.Chmod(dir, 0o755))
	p.own(dir)
	p.t.Cleanup(func() {
		for i, mounts := 0, mountsBelow(p.t, dir); i < len(mounts); i++ {
			_ = unix.Unmount(mounts[len(mounts)-1-i], unix.MNT_DETACH)
		}
		os.RemoveAll(dir)
	})
	return dir
}

func mountsBelow(t testing.TB, dir string) (points []string) {
	t.Helper()
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	must(t, err)
	for _, m := range mounts {
		points = append(points, m.Mountpoint)
	}
	return points
}

// own gives a file to the user of the mode.
func (p *place) own(path string) {
	if p.mode.user {
		must(p.t, os.Lchown(path, firstID, firstID))
	}
}

// bait fills the canary: whoever gets there can read and write everything.
func (p *place) bait() {
	must(p.t, os.MkdirAll(filepath.Join(p.canary, "sub/deep"), 0o777))
	for _, dir := range []string{"", "sub", "sub/deep"} {
		must(p.t, os.Chmod(filepath.Join(p.canary, dir), 0o777))
		p.own(filepath.Join(p.canary, dir))
	}
	for _, name := range []string{"secret", "passwd", "hosts", "sub/secret"} {
		file := filepath.Join(p.canary, name)
		must(p.t, os.WriteFile(file, []byte(p.token+":x:0:0::/:/bin/sh\nhostuser:x:0:0::/:/bin/sh\n"), 0o666))
		must(p.t, os.Chmod(file, 0o666))
		p.own(file)
	}
}

// look takes the canary down: the nature and content of each file.
func (p *place) look() map[string]string {
	seen := map[string]string{}
	must(p.t, filepath.WalkDir(p.canary, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		var st unix.Stat_t
		if err := unix.Lstat(path, &st); err != nil {
			return err
		}
		text := fmt.Sprintf("%o %d:%d %d.%d", st.Mode, st.Uid, st.Gid, st.Mtim.Sec, st.Mtim.Nsec)
		if st.Mode&unix.S_IFMT == unix.S_IFREG {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += " " + string(data)
		}
		seen[path] = text
		return nil
	}))
	return seen
}

// check ends every test: the canary lives.
func (p *place) check() {
	if points := mountsBelow(p.t, p.canary); len(points) > 0 {
		p.t.Errorf("mounted on the canary: %q", points)
	}
	after := p.look()
	for path, text := range p.before {
		if after[path] != text {
			p.t.Errorf("%s was\n\t%q and is\n\t%q", path, text, after[path])
		}
		delete(after, path)
	}
	if len(after) > 0 {
		p.t.Errorf("made beside the canary: %q", after)
	}
	p.nowhere(p.token, "root", "run", "tmp", "context")
}

// nowhere looks for a text in every byte of directories.
func (p *place) nowhere(text string, dirs ...string) {
	p.t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(p.path(dir), func(path string, d fs.DirEntry, err error) error {
			if errors.Is(err, fs.ErrNotExist) || err == nil && !d.Type().IsRegular() {
				return nil
			}
			if err != nil {
				return err
			}
			data, err := os.ReadFile(path)
			if bytes.Contains(data, []byte(text)) {
				p.t.Errorf("%q is in %s", text, path)
			}
			return err
		})
		must(p.t, err)
	}
}

func (p *place) path(name string) string { return filepath.Join(p.dir, name) }

// write makes a file below the place, a link ("-> target"), or a directory ("name/").
func (p *place) write(name, text string) {
	p.t.Helper()
	path := p.path(name)
	for dir := filepath.Dir(path); dir != p.dir; dir = filepath.Dir(dir) {
		defer p.own(dir)
	}
	must(p.t, os.MkdirAll(filepath.Dir(path), 0o755))
	switch target, link := strings.CutPrefix(text, "-> "); {
	case strings.HasSuffix(name, "/"):
		must(p.t, os.MkdirAll(path, 0o755))
	case link:
		must(p.t, os.Symlink(target, path))
	default:
		must(p.t, os.WriteFile(path, []byte(text), 0o644))
	}
	p.own(path)
}

// image puts an image with one layer into the store, by way of an OCI layout.
func (p *place) image(name string, files testenv.Files, edits ...testenv.Edit) {
	p.t.Helper()
	edits = append([]testenv.Edit{func(img *imgspec.Image) {
		img.Config.Env, img.Config.Cmd = []string{"PATH=/bin"}, []string{"/bin/sh"}
	}}, edits...)
	layout := testenv.OCILayout(p.t, "latest", files, edits...)
	must(p.t, os.Chmod(filepath.Dir(layout), 0o755))
	id := p.buildah("pull", "-q", "oci:"+layout).ok()
	p.buildah("tag", strings.TrimSpace(id.out), name).ok()
}

// result is what a command came to.
type result struct {
	p        *place
	what     string
	out, err string
	status   int
}

// buildah runs the program.
func (p *place) buildah(args ...string) result {
	p.t.Helper()
	return p.command(nil, args...)
}

// command runs the program with more variables.
func (p *place) command(env []string, args ...string) result {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, shared.program, append([]string{"--root", p.path("root"), "--runroot", p.path("run"), "--storage-driver", "overlay"}, args...)...)
	cmd.Env, cmd.Dir = append(p.env[:len(p.env):len(p.env)], env...), p.path("context")
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	cmd.Stdin = strings.NewReader(p.stdin)
	if p.stdout != nil {
		cmd.Stdout = p.stdout
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Groups: p.groups}}
	if p.mode.user {
		maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: firstID, Size: countIDs}}
		cmd.SysProcAttr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS
		cmd.SysProcAttr.UidMappings, cmd.SysProcAttr.GidMappings, cmd.SysProcAttr.GidMappingsEnableSetgroups = maps, maps, true
	}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) || ctx.Err() != nil {
		p.t.Fatalf("%q: %v\n%s%s", args, errors.Join(err, ctx.Err()), &out, &errs)
	}
	r := result{p, fmt.Sprintf("%q", args), out.String(), errs.String(), cmd.ProcessState.ExitCode()}
	if strings.Contains(r.out+r.err, p.token) {
		p.t.Errorf("%s shows the canary:\n%s%s", r.what, r.out, r.err)
	}
	return r
}

// build builds a Dockerfile in the context.
func (p *place) build(dockerfile string, args ...string) result {
	p.t.Helper()
	p.write("Dockerfile", dockerfile)
	return p.buildah(append(append([]string{"build", "-q", "--pull=never", "-t", "built", "-f", p.path("Dockerfile")}, args...), p.path("context"))...)
}

// ok fails the test where the command failed.
func (r result) ok() result {
	r.p.t.Helper()
	if r.status != 0 {
		r.p.t.Fatalf("%s: status %d\n%s%s", r.what, r.status, r.out, r.err)
	}
	return r
}

// refused fails the test unless the command failed with one line that has a text.
func (r result) refused(text string) result {
	r.p.t.Helper()
	if r.status == 0 || strings.Count(r.err, "Error: ") != 1 || !strings.Contains(r.err, text) || strings.Contains(r.err, "goroutine ") {
		r.p.t.Fatalf("%s: status %d, wanted a refusal with %q\n%s%s", r.what, r.status, text, r.out, r.err)
	}
	return r
}

// says fails the test unless the command worked and printed exactly a text.
func (r result) says(text string) result {
	r.p.t.Helper()
	if r.ok(); strings.TrimSpace(r.out) != text {
		r.p.t.Fatalf("%s printed %q, not %q", r.what, r.out, text)
	}
	return r
}

// sh runs a script in a new container on an image.
func (p *place) sh(image, script string, flags ...string) result {
	p.t.Helper()
	container := strings.TrimSpace(p.buildah("from", "--pull=never", image).ok().out)
	return p.buildah(append(append([]string{"run"}, flags...), container, "sh", "-c", script)...)
}
