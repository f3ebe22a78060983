package transfer

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
)

func FuzzBlobNotes(f *testing.F) {
	d := digest.FromString("blob")
	f.Add(d.String() + " gzip\n")
	f.Add(d.String() + "\n\n" + d.String() + " zstd:chunked")
	f.Add("../../etc/passwd gzip\nsha256:1 zstd\n" + d.String() + " nothing")
	f.Fuzz(func(t *testing.T, text string) {
		c := blobCache{t.TempDir()}
		diffID := digest.FromString("layer")
		for path, text := range map[string]string{c.path(diffID) + compressedNote: text, c.path(d): "blob"} {
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		for _, b := range c.noted(diffID) {
			if b.Digest != d || b.Size != 4 || b.Format == "zstd:chunked" {
				t.Errorf("%q gives %+v", text, b)
			}
		}
	})
}

func TestBlobCacheKeepsFormsOfALayer(t *testing.T) {
	t.Parallel()
	c := blobCache{t.TempDir()}
	diffID := digest.FromString("layer")
	for format, text := range map[string]string{"gzip": "one", "zstd": "two"} {
		r, k := c.keep(strings.NewReader(text))
		if _, err := io.Copy(io.Discard, r); err != nil {
			t.Fatal(err)
		}
		k.done(diffID, blob{Digest: digest.FromString(text), Format: format})
	}
	r, k := c.keep(strings.NewReader("failed"))
	_, _ = io.Copy(io.Discard, r)
	k.done(diffID, blob{})
	if got := c.noted(diffID); len(got) != 2 {
		t.Errorf("%+v", got)
	}
	left, err := filepath.Glob(filepath.Join(c.dir, "new-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left over: %q, %v", left, err)
	}
}

// What a manifest calls a digest does not lead out of the directory.
func TestBlobCacheDropsNothingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	c := blobCache{filepath.Join(dir, "cache")}
	if err := os.Mkdir(c.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d := digest.FromString("blob")
	kept := []string{filepath.Join(dir, "file"), filepath.Join(c.dir, "mine"), filepath.Join(dir, "file"+decompressedNote)}
	for _, path := range append(kept, c.path(d)) {
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []digest.Digest{"../file", "mine", "", "sha256:../../file", d} {
		c.drop(name)
	}
	for _, path := range kept {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	if _, err := os.Stat(c.path(d)); !os.IsNotExist(err) {
		t.Errorf("the damaged blob: %v", err)
	}
}
