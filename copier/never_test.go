package copier

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
)

func TestNever(t *testing.T) {
	t.Parallel()
	dir, dest := t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "a", "store"), 0o755); err != nil {
		t.Fatal(err)
	}
	src, err := OpenRoot(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := OpenRoot(dest)
	if err != nil {
		t.Fatal(err)
	}
	defer dst.Close()
	o := CopyOptions{Never: filepath.Join(dir, "a", "store")}
	for _, source := range []string{".", "a", "a/store"} {
		var refused *ForbiddenError
		if _, err := Copy(t.Context(), Target{Root: dst, Path: "/x/"}, src, []string{source}, o); !errors.As(err, &refused) || refused.Name != "a/store" {
			t.Errorf("copying %q: %v", source, err)
		}
		if _, err := Digest(t.Context(), src, []string{source}, o, nil); !errors.As(err, &refused) {
			t.Errorf("the digest of %q: %v", source, err)
		}
	}
	o.Never = filepath.Join(dir, "none")
	if _, err := Copy(t.Context(), Target{Root: dst, Path: "/y/"}, src, []string{"."}, o); err != nil {
		t.Error(err)
	}
}
