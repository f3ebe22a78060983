package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	tempRecords    = "buildah-temp"      // in the graph root: a locked file for each directory in use
	tempPrefix     = "buildah-transfer-" // of the directories, in TMPDIR or beside what is written
	defaultTempDir = "/var/tmp"
)

// tempDir makes a directory for the temporary files of one transfer. The store
// remembers it for as long as it exists, so that a later command can remove what a
// killed one has left, wherever that was.
func (c *Client) tempDir(ctx context.Context) (dir string, remove func(), err error) {
	root := c.System.TempDir
	if root == "" {
		root = defaultTempDir
	}
	return c.tempDirIn(ctx, root)
}

// tempDirIn makes it in a directory that the caller chooses.
func (c *Client) tempDirIn(ctx context.Context, root string) (dir string, remove func(), err error) {
	c.SweepTemp()
	records := filepath.Join(c.Store.GraphRoot(), tempRecords)
	if err := os.MkdirAll(records, 0o700); err != nil {
		return "", nil, fmt.Errorf("making a temporary directory: %w", err)
	}
	for {
		record, err := os.CreateTemp(records, "")
		if err != nil {
			return "", nil, fmt.Errorf("making a temporary directory: %w", err)
		}
		record.Close()
		f, err := lockFile(ctx, record.Name())
		if err != nil {
			return "", nil, fmt.Errorf("making a temporary directory: %w", err)
		}
		if !current(f, record.Name()) { // another command took it for a left-over
			f.Close()
			continue
		}
		dir, err := makeTemp(f, root)
		if err != nil {
			os.Remove(record.Name())
			f.Close()
			return "", nil, err
		}
		return dir, func() {
			os.RemoveAll(dir)
			os.Remove(record.Name())
			f.Close()
		}, nil
	}
}

// makeTemp makes the directory that belongs to a record, which knows of it first.
func makeTemp(record *os.File, root string) (string, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return "", fmt.Errorf("making a temporary directory: %w", err)
	}
	dir := filepath.Join(root, tempPrefix+filepath.Base(record.Name()))
	if _, err := record.WriteString(dir); err != nil {
		return "", fmt.Errorf("making a temporary directory: %w", err)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", fmt.Errorf("making a temporary directory: %w", err)
	}
	return dir, nil
}

// SweepTemp removes the temporary directories of commands that were killed. What
// can't be removed now is left for the next time.
func (c *Client) SweepTemp() {
	records := filepath.Join(c.Store.GraphRoot(), tempRecords)
	entries, err := os.ReadDir(records)
	if err != nil {
		return
	}
	for _, e := range entries {
		sweepRecord(filepath.Join(records, e.Name()))
	}
}

func sweepRecord(name string) {
	f, err := os.OpenFile(name, os.O_RDWR|unix.O_CLOEXEC|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil || !current(f, name) {
		return // in use
	}
	data, err := io.ReadAll(io.LimitReader(f, unix.PathMax))
	if err != nil {
		return
	}
	dir := string(data)
	if filepath.IsAbs(dir) && strings.HasPrefix(filepath.Base(dir), tempPrefix) {
		err = os.RemoveAll(dir)
	}
	if err == nil || errors.Is(err, os.ErrNotExist) {
		os.Remove(name)
	}
}
