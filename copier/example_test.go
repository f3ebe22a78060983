package copier_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/projectatomic/buildah/copier"
)

// A tree is copied into another root. A link in it that leads elsewhere is
// followed inside the root, so nothing comes from outside.
func ExampleCopy() {
	dir, err := os.MkdirTemp("", "copier-example")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	for _, path := range []string{"src/web/css", "src/etc", "dst"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			panic(err)
		}
	}
	for path, text := range map[string]string{"src/web/index.html": "<p>hello", "src/web/css/a.css": "p{}", "src/etc/passwd": "of the root"} {
		if err := os.WriteFile(filepath.Join(dir, path), []byte(text), 0o644); err != nil {
			panic(err)
		}
	}
	if err := os.Symlink("../../../../../../etc", filepath.Join(dir, "src/way-out")); err != nil {
		panic(err)
	}
	src, err := copier.OpenRoot(filepath.Join(dir, "src"))
	if err != nil {
		panic(err)
	}
	defer src.Close()
	dst, err := copier.OpenRoot(filepath.Join(dir, "dst"))
	if err != nil {
		panic(err)
	}
	defer dst.Close()
	own := copier.Owner{UID: os.Getuid(), GID: os.Getgid()}
	result, err := copier.Copy(context.Background(), copier.Target{Root: dst, Path: "/srv/"}, src, []string{"web", "way-out/passwd"}, copier.CopyOptions{Chown: &own})
	if err != nil {
		panic(err)
	}
	text, err := dst.ReadFile("/srv/passwd", 1<<10)
	if err != nil {
		panic(err)
	}
	fmt.Println(result.Files, "files, passwd is", string(text))
	// Output: 3 files, passwd is of the root
}
