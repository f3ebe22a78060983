package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Stub is an entry of a container's root file system that only stands there
// because something was mounted on it, or a directory that was only disturbed
// by making one. It is recorded when it is made, so that a commit while the
// mounts are there leaves it out: an entry that still looks as recorded is not
// content.
type Stub struct {
	Path    string `json:"path"`  // inside the root, cleaned, without a leading slash
	Mode    uint32 `json:"mode"`  // st_mode: the type and the permissions
	UID     int    `json:"uid"`   // as on disk
	GID     int    `json:"gid"`   // as on disk
	ModTime int64  `json:"mtime"` // nanoseconds since 1970
}

// StubKind is one of the two lists.
type StubKind string

const (
	// StubMade are entries that were made: left out of a layer while they look as recorded.
	StubMade StubKind = "commit-excludes"
	// StubPulledUp are directories of the base whose metadata was put back after
	// a stub was made below: left out while they look as recorded and nothing
	// below them is left.
	StubPulledUp StubKind = "commit-pulled-up"
)

// stubsLimit bounds a list that is read: 16 MiB is above 100,000 entries.
const stubsLimit = 16 << 20

// WriteStubs writes a list as a new file below recordDir, the container's data
// directory, atomically, and gives the path of that file: whoever removes the
// stubs removes it. Several runs have a file each.
func WriteStubs(recordDir string, kind StubKind, stubs []Stub) (path string, err error) {
	dir := filepath.Join(recordDir, string(kind))
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", fmt.Errorf("recording mount stubs: %w", err)
	}
	data, err := json.Marshal(stubs)
	if err != nil {
		return "", fmt.Errorf("recording mount stubs: %w", err)
	}
	// Names that begin with a dot are not read, so a file counts once it is renamed.
	tmp, err := os.CreateTemp(dir, ".stubs-*")
	if err != nil {
		return "", fmt.Errorf("recording mount stubs: %w", err)
	}
	defer os.Remove(tmp.Name())
	path = filepath.Join(dir, filepath.Base(tmp.Name())[1:])
	_, err = tmp.Write(data)
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		return "", fmt.Errorf("recording mount stubs: %w", err)
	}
	return path, nil
}

// ReadStubs reads all lists of one kind below recordDir.
func ReadStubs(recordDir string, kind StubKind) ([]Stub, error) {
	dir := filepath.Join(recordDir, string(kind))
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading mount stubs: %w", err)
	}
	var all []Stub
	for _, e := range entries {
		if e.Name()[0] == '.' || !e.Type().IsRegular() {
			continue
		}
		stubs, err := ReadStubFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // its run has ended
		}
		if err != nil {
			return nil, fmt.Errorf("reading mount stubs: %w", err)
		}
		all = append(all, stubs...)
	}
	return all, nil
}

// ReadStubFile reads one list.
func ReadStubFile(path string) ([]Stub, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, stubsLimit+1))
	if err != nil {
		return nil, err
	}
	if len(data) > stubsLimit {
		return nil, fmt.Errorf("%q has more than %d bytes", path, stubsLimit)
	}
	var stubs []Stub
	if err := json.Unmarshal(data, &stubs); err != nil {
		return nil, fmt.Errorf("parsing %q: %w", path, err)
	}
	for _, s := range stubs {
		if !filepath.IsLocal(s.Path) {
			return nil, fmt.Errorf("parsing %q: path %q is not inside the root", path, s.Path)
		}
	}
	return stubs, nil
}
