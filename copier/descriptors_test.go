package copier

import (
	"os"
	"testing"
)

func TestErrorsLeaveNoDescriptors(t *testing.T) {
	needRoot(t)
	src := t.TempDir()
	manyFiles(t, src, 900, 10)
	count := func() int {
		names, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(names)
	}
	from, to := openRoot(t, src), openRoot(t, t.TempDir())
	before := count()
	for range 3 {
		// An owner that no disk can hold fails in a worker.
		if _, err := Copy(t.Context(), Target{Root: to, Path: "/"}, from, []string{"."}, CopyOptions{Chown: &Owner{-1, 0}}); err == nil {
			t.Fatal("no error")
		}
		if _, err := Copy(t.Context(), Target{Root: to, Path: "/x"}, from, []string{"."}, CopyOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	if after := count(); after > before+1 {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
