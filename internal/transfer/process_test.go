package transfer

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

// The tests here need several processes: the test binary runs itself, with this
// variable naming the work.
const workVariable = "BUILDAH_TEST_TRANSFER"

// work is what another process does.
type work struct {
	Root, Run, Image, Dest string // Dest: push, else pull
	System                 System
	Registry               Registry
}

// TestHelperProcess is no test but the other process.
func TestHelperProcess(t *testing.T) {
	text := os.Getenv(workVariable)
	if text == "" {
		t.Skip("it is what other tests start")
	}
	var w work
	must(t, json.Unmarshal([]byte(text), &w))
	s, err := store.Open(store.Options{GraphRoot: w.Root, RunRoot: w.Run, Driver: "vfs"})
	must(t, err)
	c := &Client{Store: s, System: w.System, Report: os.Stdout}
	if w.Dest != "" {
		_, err = c.Push(t.Context(), w.Image, w.Dest, PushOptions{Registry: w.Registry})
	} else {
		_, err = c.Pull(t.Context(), w.Image, PullOptions{Registry: w.Registry, Policy: PullAlways})
	}
	must(t, err)
}

// process prepares another process on the fixture's store.
func (f *fixture) process(t *testing.T, temp, image, dest string) *exec.Cmd {
	t.Helper()
	w := work{Root: f.Store.GraphRoot(), Run: f.Store.RunRoot(), Image: image, Dest: dest, System: f.System, Registry: f.open(t)}
	w.System.TempDir = temp
	text, err := json.Marshal(w)
	must(t, err)
	cmd := exec.Command(os.Args[0], "-test.run=^TestHelperProcess$", "-test.v")
	cmd.Env = append(os.Environ(), workVariable+"="+string(text))
	return cmd
}

func TestTwoProcessesFetchOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": strings.Repeat("content ", 300000)})
	var wg sync.WaitGroup
	for range 3 {
		cmd := f.process(t, t.TempDir(), f.reg.Host+"/app", "")
		wg.Go(func() {
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
	wg.Wait()
	for _, l := range layersOf(t, f.reg, "app", "latest") {
		if n := f.reg.Count(http.MethodGet, "/blobs/"+l.Digest.String()); n != 1 {
			t.Errorf("layer %s was fetched %d times", l.Digest, n)
		}
	}
}

// killed starts a process and kills it as soon as the registry was asked for
// something.
func (f *fixture) killed(t *testing.T, cmd *exec.Cmd, method, part string) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	go func() { // a full pipe must not hold it up
		for s := bufio.NewScanner(out); s.Scan(); {
		}
	}()
	for deadline := time.Now().Add(20 * time.Second); f.reg.Begun(method, part) == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("the process did not come so far")
			break
		}
	}
	time.Sleep(50 * time.Millisecond)
	must(t, cmd.Process.Kill())
	_ = cmd.Wait()
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	var list []string
	must(t, filepath.WalkDir(dir, func(path string, _ os.DirEntry, err error) error {
		if path != dir {
			list = append(list, path)
		}
		return err
	}))
	return list
}

func TestKilledPullLeavesNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.reg.AddImage(t, "app", "latest", testenv.Files{"f": strings.Repeat("content ", 300000)})
	layer := layersOf(t, f.reg, "app", "latest")[0]
	f.reg.Break(testenv.Fault{Path: layer.Digest.String(), Truncate: 1000, Hold: true})
	temp := t.TempDir()
	f.killed(t, f.process(t, temp, f.reg.Host+"/app", ""), http.MethodGet, layer.Digest.String())
	if len(files(t, temp)) == 0 {
		t.Error("the killed process had no temporary files: this test tests nothing")
	}
	f.reg.Mend()
	p, err := f.Pull(t.Context(), f.reg.Host+"/app", PullOptions{Registry: f.open(t)})
	must(t, err)
	if left := files(t, temp); len(left) != 0 {
		t.Errorf("left behind in TMPDIR: %q", left)
	}
	if left := files(t, filepath.Join(f.Store.GraphRoot(), tempRecords)); len(left) != 0 {
		t.Errorf("left behind in the store: %q", left)
	}
	layers, err := f.Store.Raw().Layers()
	must(t, err)
	img, err := f.Store.Image(p.ID)
	if must(t, err); len(layers) != 1 || layers[0].ID != img.TopLayer {
		t.Errorf("layers %v", layers)
	}
}

func TestKilledPushIsDoneAgain(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	f.reg.Break(testenv.Fault{Method: http.MethodPatch, Path: "/blobs/uploads/", Hold: true})
	temp := t.TempDir()
	f.killed(t, f.process(t, temp, id, f.reg.Host+"/app:1"), http.MethodPatch, "/blobs/uploads/")
	f.reg.Mend()
	if len(files(t, temp)) == 0 {
		t.Error("the killed process had no temporary files: this test tests nothing")
	}
	_, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	if left := files(t, temp); len(left) != 0 {
		t.Errorf("left behind in TMPDIR: %q", left)
	}
	for _, l := range layersOf(t, f.reg, "app", "1") {
		if f.reg.Blob("app", l.Digest) == nil {
			t.Errorf("layer %s is missing", l.Digest)
		}
	}
}

func TestSweepKeepsWhatIsInUse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	dir, remove, err := f.tempDir(t.Context())
	must(t, err)
	other := f.client(t, f.Store)
	other.SweepTemp()
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("a directory in use is gone: %v", err)
	}
	remove()
	if _, err := os.Stat(dir); err == nil {
		t.Error("the directory is still there")
	}
	// A record that names something else is no reason to remove that.
	precious := t.TempDir()
	must(t, os.WriteFile(filepath.Join(f.Store.GraphRoot(), tempRecords, "x"), []byte(precious), 0o600))
	other.SweepTemp()
	if _, err := os.Stat(precious); err != nil {
		t.Error("a directory of somebody else was removed")
	}
}

func TestLayersArePulledInParallel(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	id := twoLayers(t, f.Client)
	_, err := f.Push(t.Context(), id, f.reg.Host+"/app:1", PushOptions{Registry: f.open(t)})
	must(t, err)
	layers := layersOf(t, f.reg, "app", "1")
	f.reg.Break(testenv.Fault{Method: http.MethodGet, Path: layers[0].Digest.String(), Truncate: 10, Hold: true})
	f.reg.ResetRequests()
	other := &fixture{Client: f.client(t, testenv.Store(t, "vfs")), reg: f.reg, log: f.log, dir: f.dir}
	// The second layer is asked for although the first one does not end.
	other.killed(t, other.process(t, t.TempDir(), f.reg.Host+"/app:1", ""), http.MethodGet, layers[1].Digest.String())
}
