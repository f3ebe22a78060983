package rootfs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/store"
)

// TestSweep: what killed runs left goes with the next run or with Sweep, what a
// living run needs stays.
func TestSweep(t *testing.T) {
	t.Parallel()
	needRoot(t)
	for _, next := range []struct {
		name string
		does func(root *copier.Root, record string) error
	}{
		{"sweep", Sweep},
		{"run", func(root *copier.Root, record string) error {
			s, err := MakeTargets(root, nil, record, copier.Owner{})
			if err != nil {
				return err
			}
			return s.Clean()
		}},
	} {
		t.Run(next.name, func(t *testing.T) {
			t.Parallel()
			root := newRoot(t, rootFiles)
			backdate(t, root.Path())
			before, record := tree(t, root.Path()), t.TempDir()
			all := mounts(t)
			living, err := MakeTargets(root, all[:2], record, copier.Owner{})
			if err != nil {
				t.Fatal(err)
			}
			during := tree(t, root.Path())
			killed, err := MakeTargets(root, all, record, copier.Owner{})
			if err != nil {
				t.Fatal(err)
			}
			if left, err := LeftStubs(record); left || err != nil {
				t.Errorf("left while both live: %v, %v", left, err)
			}
			if err := killed.lock.Close(); err != nil { // as the kernel does
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(record, string(store.StubMade), ".stubs-1"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			if left, err := LeftStubs(record); !left || err != nil {
				t.Errorf("left after the kill: %v, %v", left, err)
			}
			if err := next.does(root, record); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(during, tree(t, root.Path())); d != "" {
				t.Errorf("while one lives:\n%s", d)
			}
			if err := living.Clean(); err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(before, tree(t, root.Path())); d != "" {
				t.Errorf("after all:\n%s", d)
			}
			if records, err := os.ReadDir(filepath.Join(record, string(store.StubMade))); len(records) > 0 || err != nil {
				t.Errorf("records left: %v, %v", records, err)
			}
		})
	}
}
