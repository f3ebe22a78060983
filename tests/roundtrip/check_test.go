package roundtrip

import (
	"archive/tar"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/moby/sys/mountinfo"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/archive"
	"go.podman.io/storage/types"
	"golang.org/x/sys/unix"
)

// check asks the storage library, in a process of its own, whether the store is
// sound, with every test that it has; and that each image is what its manifest and
// configuration say.
func (p *place) check() {
	p.t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(slices.Clone(p.env), checkEnv+"="+strings.Join([]string{p.path("root"), p.path("run"), p.driver}, "\n"))
	if out, err := cmd.CombinedOutput(); err != nil {
		p.t.Fatalf("the store is not sound: %v\n%s", err, out)
	}
	if left := p.mounts(); len(left) > 0 {
		p.t.Fatalf("still mounted: %q", left)
	}
}

// checkChild prints what is wrong and gives the exit status.
func checkChild(args []string) int {
	problems, err := checkStore(args[0], args[1], args[2])
	if err != nil {
		problems = append(problems, err)
	}
	for _, problem := range problems {
		fmt.Println(problem)
	}
	return min(len(problems), 1)
}

func checkStore(root, run, driver string) ([]error, error) {
	s, err := storage.GetStore(types.StoreOptions{GraphRoot: root, RunRoot: run, GraphDriverName: driver})
	if err != nil {
		return nil, err
	}
	report, err := s.Check(storage.CheckEverything())
	if err != nil {
		return nil, err
	}
	var problems []error
	for _, found := range []map[string][]error{report.Layers, report.ROLayers, report.Images, report.ROImages, report.Containers} {
		for _, id := range slices.Sorted(maps.Keys(found)) {
			problems = append(problems, found[id]...)
		}
	}
	images, err := s.Images()
	if err != nil {
		return problems, err
	}
	for _, img := range images {
		if torn(s, img) {
			continue
		}
		if err := checkImage(s, img); err != nil {
			problems = append(problems, fmt.Errorf("image %s %q: %w", img.ID[:12], img.Names, err))
		}
	}
	return problems, nil
}

// torn tells an image whose maker was killed in the middle: nobody lists it, and
// prune removes it.
func torn(s storage.Store, img storage.Image) bool {
	_, err := s.ImageBigData(img.ID, "manifest")
	return len(img.Names) == 0 && errors.Is(err, os.ErrNotExist)
}

// checkImage computes the digests of an image's layers from the store.
func checkImage(s storage.Store, img storage.Image) error {
	raw, err := s.ImageBigData(img.ID, "manifest")
	if err != nil {
		return err
	}
	var m imgspec.Manifest
	if err := json.Unmarshal(raw, &m); err != nil {
		return err
	}
	config, err := s.ImageBigData(img.ID, m.Config.Digest.String())
	if err != nil {
		return err
	}
	if d := digest.FromBytes(config); d != m.Config.Digest || d.Encoded() != img.ID {
		return fmt.Errorf("the configuration has digest %s, the manifest says %s", d, m.Config.Digest)
	}
	var c imgspec.Image
	if err := json.Unmarshal(config, &c); err != nil {
		return err
	}
	layer := img.TopLayer
	for i, want := range slices.Backward(c.RootFS.DiffIDs) {
		if err := checkLayer(s, layer, want, m.Layers[i]); err != nil {
			return fmt.Errorf("layer %d: %w", i, err)
		}
		l, err := s.Layer(layer)
		if err != nil {
			return err
		}
		layer = l.Parent
	}
	if layer != "" || len(m.Layers) != len(c.RootFS.DiffIDs) {
		return fmt.Errorf("%d layers in the manifest, %d in the configuration, and %q below them", len(m.Layers), len(c.RootFS.DiffIDs), layer)
	}
	return nil
}

func checkLayer(s storage.Store, id string, want digest.Digest, d imgspec.Descriptor) error {
	none := archive.Uncompressed
	diff, err := s.Diff("", id, &storage.DiffOptions{Compression: &none})
	if err != nil {
		return err
	}
	defer diff.Close()
	h := want.Algorithm().Digester()
	n, err := io.Copy(h.Hash(), diff)
	if err != nil {
		return err
	}
	if h.Digest() != want {
		return fmt.Errorf("its content has digest %s, the configuration says %s", h.Digest(), want)
	}
	if strings.HasSuffix(d.MediaType, ".tar") && (d.Digest != want || d.Size != n) {
		return fmt.Errorf("it has %d bytes and digest %s, the manifest says %d and %s", n, want, d.Size, d.Digest)
	}
	return nil
}

// mounts are those below the place, except the one that the overlay driver keeps
// on its home and those that the machine had to give for the test.
func (p *place) mounts() (left []string) {
	for _, m := range mountsBelow(p.t, p.dir) {
		if m != p.path("root", p.driver) && m != p.dir {
			left = append(left, m)
		}
	}
	return left
}

func mountsBelow(t testing.TB, dir string) (points []string) {
	t.Helper()
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range mounts {
		points = append(points, m.Mountpoint)
	}
	slices.Sort(points)
	slices.Reverse(points)
	return points
}

func unmountBelow(t testing.TB, dir string) {
	for _, m := range mountsBelow(t, dir) {
		if err := unix.Unmount(m, unix.MNT_DETACH); err != nil {
			t.Errorf("unmounting %q: %v", m, err)
		}
	}
}

// processes are those that carry the place in their environment or arguments.
func (p *place) processes() (found []string) {
	entries, err := os.ReadDir("/proc")
	must(p.t, err)
	for _, e := range entries {
		if e.Name()[0] < '0' || e.Name()[0] > '9' {
			continue
		}
		args, _ := os.ReadFile("/proc/" + e.Name() + "/cmdline")
		env, _ := os.ReadFile("/proc/" + e.Name() + "/environ")
		if strings.Contains(string(args)+string(env), p.dir) {
			found = append(found, e.Name()+" "+strings.ReplaceAll(string(args), "\x00", " "))
		}
	}
	return found
}

// listChild prints the headers of a layer's tar and gives the exit status.
func listChild(args []string) int {
	s, err := storage.GetStore(types.StoreOptions{GraphRoot: args[0], RunRoot: args[1], GraphDriverName: args[2]})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	none := archive.Uncompressed
	diff, err := s.Diff("", args[3], &storage.DiffOptions{Compression: &none})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	defer diff.Close()
	for tr := tar.NewReader(diff); ; {
		h, err := tr.Next()
		if err != nil {
			return 0
		}
		fmt.Printf("%q %c %o %d:%d %d %s %q %q\n", h.Name, h.Typeflag, h.Mode, h.Uid, h.Gid, h.Size, h.ModTime.UTC(), h.Linkname, h.PAXRecords)
	}
}
