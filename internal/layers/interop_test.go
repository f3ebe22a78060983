package layers

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/store"
)

// TestInterop has skopeo, an older storage library, read an image whose layers
// came to be in each way, and check their digests.
func TestInterop(t *testing.T) {
	t.Parallel()
	skopeo, err := exec.LookPath("skopeo")
	if err != nil {
		t.Skip("skopeo is not installed")
	}
	s := newStore(t, "overlay")
	base := image(t, s, baseTree(t))
	img, err := s.Image(base)
	must(t, err)
	chain := []string{img.TopLayer}
	for _, owned := range []bool{true, false} {
		c, err := s.CreateContainer(store.NewContainer{NameHint: "c", ImageID: record(t, s, chain[len(chain)-1])})
		must(t, err)
		edit(t, s, c.ID, func(root string) { must(t, write(root+"/"+fmt.Sprint(owned), "x")) })
		if owned {
			edit(t, s, c.ID, changes(t))
		}
		l, err := Freeze(t.Context(), s, c.ID, Options{Owned: owned})
		must(t, err)
		chain = append(chain, l.ID)
	}
	layers, err := s.LayerChain(chain[len(chain)-1])
	must(t, err)
	type desc struct {
		MediaType string        `json:"mediaType"`
		Digest    digest.Digest `json:"digest"`
		Size      int64         `json:"size"`
	}
	var descs []desc
	var diffIDs []digest.Digest
	for _, l := range layers {
		descs = append(descs, desc{"application/vnd.oci.image.layer.v1.tar", l.DiffID, l.Size})
		diffIDs = append(diffIDs, l.DiffID)
	}
	config, err := json.Marshal(map[string]any{
		"architecture": "amd64", "os": "linux", "config": struct{}{}, "rootfs": map[string]any{"type": "layers", "diff_ids": diffIDs},
	})
	must(t, err)
	manifest, err := json.Marshal(map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": descs,
		"config": desc{"application/vnd.oci.image.config.v1+json", digest.FromBytes(config), int64(len(config))},
	})
	must(t, err)
	_, err = s.CreateImage(store.NewImage{Config: config, Manifest: manifest, TopLayer: chain[len(chain)-1], Names: []string{"localhost/interop:latest"}})
	must(t, err)
	policy := filepath.Join(t.TempDir(), "policy.json")
	must(t, write(policy, `{"default":[{"type":"insecureAcceptAnything"}]}`))
	out := filepath.Join(t.TempDir(), "out")
	ref := fmt.Sprintf("containers-storage:[overlay@%s+%s:overlay.skip_mount_home=true]localhost/interop:latest", s.GraphRoot(), s.RunRoot())
	cmd := exec.Command(skopeo, "--policy", policy, "copy", ref, "dir:"+out)
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	for _, d := range diffIDs {
		data, err := os.ReadFile(filepath.Join(out, d.Encoded()))
		if err != nil || digest.FromBytes(data) != d {
			t.Errorf("layer %s: %v", d, err)
		}
	}
	got, err := os.ReadFile(filepath.Join(out, "manifest.json"))
	if err != nil || string(got) != string(manifest) {
		t.Errorf("manifest %s, %v", strings.TrimSpace(string(got)), err)
	}
}
