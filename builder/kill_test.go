package builder

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.podman.io/storage"

	"github.com/projectatomic/buildah/internal/store"
)

// childName is argv[0] of this program when it is to commit a container:
// GRAPHROOT RUNROOT CONTAINER DESTINATION.
const childName = "builder-test-commit"

func childMain() {
	if err := childCommit(os.Args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func childCommit(args []string) error {
	s, err := store.Open(store.Options{
		GraphRoot: args[0], RunRoot: args[1], Driver: "overlay", DriverOptions: []string{"overlay.mountopt=nodev"},
	})
	if err != nil {
		return err
	}
	e := engineOn(s, args[1])
	b, err := Open(e, args[2])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	var o CommitOptions
	at(&o)
	done, err := b.Commit(context.Background(), args[3], o)
	if err == nil {
		fmt.Println(done.ID)
	}
	return err
}

// child is a commit in another process.
type child struct {
	*exec.Cmd
	out *bufio.Reader
}

// commitElsewhere starts a commit in another process, and comes back when it begins.
func (v *env) commitElsewhere(b *Builder, dest string) child {
	v.t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{childName, v.Store.GraphRoot(), v.Store.RunRoot(), b.ID(), dest}
	cmd.Stderr = os.Stderr
	pipe := try(cmd.StdoutPipe())(v.t)
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	c := child{Cmd: cmd, out: bufio.NewReader(pipe)}
	if line, _ := c.out.ReadString('\n'); line != "ready\n" {
		v.t.Fatalf("the child says %q", line)
	}
	return c
}

// end waits for the child and gives what it has said.
func (c child) end() (string, error) {
	data, _ := io.ReadAll(c.out)
	return strings.TrimSpace(string(data)), c.Wait()
}

// listing describes a whole tree.
func listing(t testing.TB, root string) []string {
	t.Helper()
	var all []string
	err := filepath.Walk(root, func(path string, info os.FileInfo, err error) error {
		if err != nil {
			return err
		}
		text := ""
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text = hash(string(data))
		}
		all = append(all, fmt.Sprintf("%s %s %s", strings.TrimPrefix(path, root), look(t, path), text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func (v *env) listing(b *Builder) (all []string) {
	v.t.Helper()
	v.inside(b, func(root string) { all = listing(v.t, root) })
	return all
}

// check has the store examine itself.
func (v *env) check() {
	v.t.Helper()
	report := try(v.Store.Raw().Check(storage.CheckMost()))(v.t)
	if len(report.Layers)+len(report.Images)+len(report.Containers) > 0 {
		v.t.Errorf("the store is damaged: layers %v, images %v, containers %v", report.Layers, report.Images, report.Containers)
	}
}

// busy is a container with many small files and a large one, some of them in the base.
func (v *env) busy(change ...func(*FromOptions)) *Builder {
	v.t.Helper()
	v.image("base", smallFiles())
	b := v.from("base", change...)
	v.inside(b, func(root string) {
		for i := range 150 {
			file := fmt.Sprintf("%s/many/%d/f%d", root, i%7, i)
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				v.t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(strings.Repeat("data", i*50)), 0o640); err != nil {
				v.t.Fatal(err)
			}
		}
		if err := os.WriteFile(root+"/large", make([]byte, 4<<20), 0o600); err != nil {
			v.t.Fatal(err)
		}
		if err := os.Remove(root + "/d/f"); err != nil {
			v.t.Fatal(err)
		}
	})
	return b
}

// TestKilledCommit kills commits of a user's container at random moments: the
// container keeps its content, and the same commit succeeds with the same result.
func TestKilledCommit(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busy()
	content, record := v.listing(b), string(try(os.ReadFile(v.recordPath(b.ID())))(t))
	start := time.Now()
	reference := v.commit(b, "result", at)
	duration := time.Since(start)
	rounds := 25
	if testing.Short() {
		rounds = 5
	}
	killed := 0
	for round := range rounds {
		if err := v.Store.DeleteImage(reference.ID, true); err != nil {
			t.Fatal(err)
		}
		c := v.commitElsewhere(b, "result")
		time.Sleep(time.Duration(rand.Int64N(int64(duration) * 3 / 2)))
		if err := c.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.end(); err != nil {
			killed++
		}
		if diff := cmp.Diff(content, v.listing(b)); diff != "" {
			t.Fatalf("round %d: the container changed (-before +after):\n%s", round, diff)
		}
		if got := string(try(os.ReadFile(v.recordPath(b.ID())))(t)); got != record {
			t.Fatalf("round %d: the record changed:\n%s", round, got)
		}
		again := v.commit(b, "result", at)
		if again.ID != reference.ID || again.Manifest.Digest != reference.Manifest.Digest {
			t.Fatalf("round %d: the same commit gave %q, before %q", round, again.ID, reference.ID)
		}
		if round%5 == 4 {
			v.check()
		}
	}
	t.Logf("%d of %d were killed in time; a commit takes %v", killed, rounds, duration)
	if killed == 0 {
		t.Error("no commit was killed in time")
	}
	if got := v.counts(); got != [3]int{2, 1, 3} {
		t.Errorf("images, containers, layers: %v", got)
	}
	if diff := cmp.Diff(content, v.listing(v.from("result"))); diff != "" {
		t.Errorf("the image's content (-container +image):\n%s", diff)
	}
}

// TestParallelCommits commits one container from several processes at once.
func TestParallelCommits(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busy()
	var children []child
	for n := range 3 {
		children = append(children, v.commitElsewhere(b, fmt.Sprintf("result:%d", n)))
	}
	mine := v.commit(b, "result:mine", at)
	for _, c := range children {
		id, err := c.end()
		if err != nil || id != mine.ID {
			t.Errorf("got the image %q, want %q: %v", id, mine.ID, err)
		}
	}
	img := try(v.Store.Image(mine.ID))(t)
	if len(img.Names) != 4 {
		t.Errorf("names of the image: %q", img.Names)
	}
	if got := v.counts(); got != [3]int{2, 1, 3} {
		t.Errorf("images, containers, layers: %v", got)
	}
	v.check()
}

// TestOwned commits the interpreter's own containers: the upper directory becomes
// the layer, the container is gone, and the state is the base of the next step.
func TestOwned(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	users := v.busy()
	b := v.busy(owned)
	if _, err := os.Stat(v.recordPath(b.ID())); err == nil {
		t.Error("a container that nobody else knows has a record")
	}
	want := v.listing(b)
	upper := filepath.Join(v.Store.GraphRoot(), "overlay", try(v.Store.Container(b.ID()))(t).LayerID, "diff")
	before := inode(t, upper)
	done := v.commit(b, "", at)
	layer := try(v.Store.Image(done.ID))(t).TopLayer
	if after := inode(t, filepath.Join(v.Store.GraphRoot(), "overlay", layer, "diff")); after != before {
		t.Error("the files were copied, not renamed")
	}
	if _, err := v.Store.Container(b.ID()); err == nil {
		t.Error("the container is still there")
	}
	if other := v.commit(users, "", at); other.State.TopLayer != layer {
		t.Errorf("a user's container with the same content has the layer %q, want %q", other.State.TopLayer, layer)
	}
	next := try(v.Start(t.Context(), done.State, FromOptions{Owned: true}))(t)
	if diff := cmp.Diff(want, v.listing(next)); diff != "" {
		t.Errorf("the content of the next step (-before +after):\n%s", diff)
	}
	v.write(next, "second", "x")
	second := v.commit(next, "final", at)
	if n := len(second.State.Image.OCI.RootFS.DiffIDs); n != 3 || len(second.State.Image.OCI.History) != 3 {
		t.Errorf("%d layers, history %+v", n, second.State.Image.OCI.History)
	}
	v.check()
}

func inode(t testing.TB, path string) any {
	t.Helper()
	st := try(os.Stat(path))(t).Sys().(*unixStat)
	return [2]uint64{st.Dev, st.Ino}
}

// TestOwnedShared checks that what may still be written to is copied, never renamed.
func TestOwnedShared(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busy(owned)
	upper := filepath.Join(v.Store.GraphRoot(), "overlay", try(v.Store.Container(b.ID()))(t).LayerID, "diff")
	before := inode(t, upper)
	b.shared = true
	done := v.commit(b, "", at)
	if after := inode(t, filepath.Join(v.Store.GraphRoot(), "overlay", done.State.TopLayer, "diff")); after == before {
		t.Error("the directory was renamed though a process may still write to it")
	}
	v.check()
}
