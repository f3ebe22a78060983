package security

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/testenv"
)

// layout is an OCI layout to be damaged.
type layout struct {
	p        *place
	dir      string
	manifest string // its file
}

func (p *place) layout() *layout {
	p.t.Helper()
	l := &layout{p: p, dir: testenv.OCILayout(p.t, "latest", testenv.Files{"file": "text"})}
	must(p.t, os.Chmod(filepath.Dir(l.dir), 0o755))
	var index struct {
		Manifests []struct{ Digest digest.Digest }
	}
	must(p.t, json.Unmarshal(l.read("index.json"), &index))
	l.manifest = "blobs/sha256/" + index.Manifests[0].Digest.Encoded()
	return l
}

func (l *layout) read(name string) []byte {
	l.p.t.Helper()
	data, err := os.ReadFile(filepath.Join(l.dir, name))
	must(l.p.t, err)
	return data
}

// exchange writes the manifest anew, and the index for it.
func (l *layout) exchange(manifest []byte) {
	l.p.t.Helper()
	d := digest.FromBytes(manifest)
	must(l.p.t, os.WriteFile(filepath.Join(l.dir, "blobs/sha256", d.Encoded()), manifest, 0o644))
	index, err := json.Marshal(map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": d, "size": len(manifest),
		"annotations": map[string]string{"org.opencontainers.image.ref.name": "latest"},
	}}})
	must(l.p.t, err)
	must(l.p.t, os.WriteFile(filepath.Join(l.dir, "index.json"), index, 0o644))
}

// refused tries all that reads the image.
func (l *layout) refused() {
	l.p.t.Helper()
	name := "oci:" + l.dir
	l.p.buildah("pull", "-q", name).refused("")
	l.p.buildah("from", "-q", name).refused("")
	l.p.build("FROM " + baseImage + "\nCOPY --from=" + name + " / /taken\n").refused("")
}

// TestCVE_2024_3727: a digest that is a path.
func TestCVE_2024_3727(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		up := "sha256:" + strings.Repeat("../", 12) + p.canary[1:] + "/secret"
		for _, evil := range []string{up, "sha256:" + p.canary + "/secret", "sha256:..", "../../secret:" + strings.Repeat("0", 64), "sha256:" + strings.Repeat("A", 64), "", "md5:d41d8cd98f00b204e9800998ecf8427e"} {
			var parts map[string]any
			for _, part := range []string{"config", "layer"} {
				l := p.layout()
				must(t, json.Unmarshal(l.read(l.manifest), &parts))
				if part == "config" {
					parts["config"].(map[string]any)["digest"] = evil
				} else {
					parts["layers"].([]any)[0].(map[string]any)["digest"] = evil
				}
				data, err := json.Marshal(parts)
				must(t, err)
				l.exchange(data)
				l.refused()
			}
			l := p.layout()
			index := bytes.Replace(l.read("index.json"), []byte("sha256:"+filepath.Base(l.manifest)), []byte(evil), 1)
			must(t, os.WriteFile(filepath.Join(l.dir, "index.json"), index, 0o644))
			l.refused()
		}
		p.buildah("pull", "-q", "127.0.0.1:1/x@"+up).refused("")
		p.buildah("rmi", up).refused("")
		p.buildah("inspect", "--type", "image", up).refused("")
	})
}

// TestCVE_2021_41190: a manifest that is an index as well.
func TestCVE_2021_41190(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		for _, also := range []string{`"manifests":[]`, `"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:` + strings.Repeat("0", 64) + `","size":2}]`, `"fsLayers":[{"blobSum":"x"}]`} {
			l := p.layout()
			data := bytes.TrimSpace(l.read(l.manifest))
			l.exchange(append(append(data[:len(data)-1:len(data)-1], ","...), also+"}"...))
			l.refused()
		}
	})
}

// TestCVE_2020_1702: a manifest without an end.
func TestCVE_2020_1702(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		l := p.layout()
		data := bytes.TrimSpace(l.read(l.manifest))
		huge := func(size int) []byte {
			return append(data[:len(data)-1:len(data)-1], `,"annotations":{"x":"`+strings.Repeat("x", size)+`"}}`...)
		}
		l.exchange(huge(5 << 20))
		l.refused()
		address, sent := endless(t)
		p.buildah("pull", "-q", "--retry", "0", "docker://"+address+"/x:huge").refused("")
		if n := sent.Load(); n > 64<<20 {
			t.Errorf("%d bytes of it were read", n)
		}
	})
}

// endless is a registry whose manifests have no end.
func endless(t *testing.T) (address string, sent *atomic.Int64) {
	t.Helper()
	sent = &atomic.Int64{}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if !strings.Contains(q.URL.Path, "/manifests/") {
			return
		}
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		_, _ = io.WriteString(w, `{"schemaVersion":2,"annotations":{"x":"`)
		for block := strings.Repeat("x", 1<<20); sent.Load() < 1<<30; {
			n, err := io.WriteString(w, block)
			sent.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://"), sent
}

// TestConcurrentApply: several processes bring the same layer into the store at once.
func TestConcurrentApply(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		image := files(t)
		for i := range 300 {
			image["many/"+strings.Repeat("d/", i%7)+"f"+itoa(i)] = strings.Repeat("text", i)
		}
		dir := testenv.OCILayout(t, "latest", image)
		must(t, os.Chmod(filepath.Dir(dir), 0o755))
		var group sync.WaitGroup
		results := make([]result, 4)
		for i := range results {
			group.Go(func() {
				if i%2 == 0 {
					results[i] = p.buildah("pull", "-q", "oci:"+dir)
				} else {
					results[i] = p.buildah("from", "-q", "oci:"+dir)
				}
			})
		}
		group.Wait()
		for _, r := range results {
			r.ok()
		}
		id := strings.TrimSpace(results[0].out)
		count := strings.TrimSpace(p.sh(id, "find /many -type f | xargs cat | wc -c").ok().out)
		want := 0
		for name, text := range image {
			if strings.HasPrefix(name, "many/") {
				want += len(text)
			}
		}
		if count != itoa(want) {
			t.Errorf("the layer has %s bytes, not %d", count, want)
		}
		if id != strings.TrimSpace(results[2].out) {
			t.Errorf("one image, two IDs: %s %s", id, results[2].out)
		}
	})
}
