package copier

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestCopyStream(t *testing.T) {
	t.Parallel()
	needRoot(t)
	dst := t.TempDir()
	root := openRoot(t, dst)
	plant(t, dst, "dir/", "kept")
	when := time.Unix(77, 0)
	file := func(body string) StreamFile {
		return StreamFile{Name: "name", Content: strings.NewReader(body), Mode: 0o600, ModTime: when, Workdir: "/w"}
	}
	for dest, body := range map[string]string{"/dir": "1", "/x/": "2", "/y": "3", "rel": "4", "": "5"} {
		result, err := CopyStream(t.Context(), root, dest, file(body))
		if err != nil {
			t.Fatal(err)
		}
		sum := sha256.Sum256([]byte(body))
		if result.Digest != hex.EncodeToString(sum[:]) || result.Kind != "" || result.Bytes != 1 {
			t.Errorf("%+v", result)
		}
	}
	bad := file("bad")
	bad.Verify = func() error { return errors.New("unexpected response digest") }
	if _, err := CopyStream(t.Context(), root, "/kept", bad); err == nil || !strings.Contains(err.Error(), "unexpected response digest") {
		t.Error(err)
	}
	if diff := cmp.Diff([]string{"dir/", "dir/name: 1", "kept", "w/", "w/name: 5", "w/rel: 4", "x/", "x/name: 2", "y: 3"}, harvest(t, dst)); diff != "" {
		t.Error(diff)
	}
	if info, err := root.Stat("y"); err != nil || !info.ModTime.Equal(when) || info.Mode.Perm() != 0o600 {
		t.Errorf("%+v, %v", info, err)
	}
}
