package testenv

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMain(m *testing.M) { Main(m) }

func TestStoreWithBaseImage(t *testing.T) {
	for _, driver := range []string{"overlay", "vfs"} {
		t.Run(driver, func(t *testing.T) {
			NeedRoot(t)
			s := Store(t, driver)
			id := BaseImage(t, s, "localhost/base:latest", Files{"etc/motd": "hello\n", "bin/tool": "x", "lib": "-> usr/lib"})
			if again := BaseImage(t, s, "", Files{"etc/motd": "hello\n", "bin/tool": "x", "lib": "-> usr/lib"}); again != id {
				t.Errorf("the same image got the IDs %q and %q", id, again)
			}
			img, err := s.Image("localhost/base:latest")
			if err != nil {
				t.Fatal(err)
			}
			dir, err := s.Raw().MountImage(img.ID, nil, "")
			if err != nil {
				t.Fatal(err)
			}
			motd, err := os.ReadFile(dir + "/etc/motd")
			if diff := cmp.Diff("hello\n", string(motd)); err != nil || diff != "" {
				t.Errorf("content of the mounted image: %v\n%s", err, diff)
			}
			tool, err := os.Stat(dir + "/bin/tool")
			if err != nil || tool.Mode().Perm() != 0o755 {
				t.Errorf("mode of a program: %v, %v", tool, err)
			}
			// left mounted: the cleanup has to cope
		})
	}
}

func TestBusybox(t *testing.T) {
	NeedRoot(t)
	s := Store(t, "vfs")
	Busybox(t, s)
	if _, err := s.Image("localhost/busybox:latest"); err != nil {
		t.Error(err)
	}
}

func TestRegistryFaults(t *testing.T) {
	t.Parallel()
	r := NewRegistry(t)
	d := r.PutBlob("a/b", []byte("0123456789"))
	get := func() (int, string, error) {
		q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, r.URL+"/v2/a/b/blobs/"+d.String(), nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(q)
		if err != nil {
			return 0, "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res.StatusCode, string(body), err
	}
	r.Break(Fault{Path: "/blobs/", Times: 1, Status: http.StatusBadGateway})
	if status, _, err := get(); status != http.StatusBadGateway || err != nil {
		t.Errorf("status fault: got %d, %v", status, err)
	}
	r.Mend()
	r.Break(Fault{Path: "/blobs/", Truncate: 4})
	if _, body, err := get(); body != "0123" || err == nil {
		t.Errorf("truncating fault: got %q, %v", body, err)
	}
	r.Mend()
	r.Break(Fault{Method: http.MethodGet, Drop: true})
	if _, _, err := get(); err == nil {
		t.Error("dropping fault: the request succeeded")
	}
	r.Mend()
	if status, body, err := get(); status != http.StatusOK || body != "0123456789" || err != nil {
		t.Errorf("mended: got %d, %q, %v", status, body, err)
	}
	if n := r.Count(http.MethodGet, "/blobs/"); n < 4 {
		t.Errorf("%d requests were noted, want at least 4", n)
	}
}

func TestOCILayout(t *testing.T) {
	t.Parallel()
	dir := OCILayout(t, "one", Files{"f": "x"})
	index, err := os.ReadFile(dir + "/index.json")
	if err != nil || !strings.Contains(string(index), `"one"`) {
		t.Errorf("index.json: %s, %v", index, err)
	}
}
