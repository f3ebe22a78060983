package buildcache

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// sweep keeps a directory of files small: when there are too many or too large
// ones, the oldest go until three quarters are left. Others may do it at the same time.
func sweep(dir string, count int, bytes int64) error {
	list, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("sweeping the cache: %w", err)
	}
	var files []fs.FileInfo
	total := int64(0)
	for _, d := range list {
		info, err := d.Info()
		if err != nil || !info.Mode().IsRegular() {
			continue // it has just gone
		}
		files = append(files, info)
		total += info.Size()
	}
	if len(files) <= count && total <= bytes {
		return nil
	}
	slices.SortFunc(files, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for left := len(files); left > 1 && (left > count*3/4 || total > bytes*3/4); left-- {
		old := files[len(files)-left]
		if err := os.Remove(filepath.Join(dir, old.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("sweeping the cache: %w", err)
		}
		total -= old.Size()
	}
	return nil
}
