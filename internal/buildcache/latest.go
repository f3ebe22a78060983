package buildcache

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Step is a step of the latest build of a stage: its text, and the digest of the
// key that its result is known by, "" if it has none.
type Step struct {
	Text string `json:"text"`
	Key  string `json:"key,omitempty"`
}

// bounds of the directory of latest builds.
const (
	latestKept      = 2000
	latestKeptBytes = 32 << 20
	latestLimit     = 4 << 20
)

func (c *Cache) latestPath(stage string) string {
	sum := sha256.Sum256([]byte(stage))
	return filepath.Join(c.dir, "latest", hex.EncodeToString(sum[:16]))
}

// Latest gives the steps of the latest build of a stage: of the first name under
// which one is known.
func (c *Cache) Latest(stages ...string) []Step {
	if c == nil {
		return nil
	}
	for _, stage := range stages {
		data, err := readLimited(c.latestPath(stage), latestLimit)
		var steps []Step
		if err == nil && json.Unmarshal(data, &steps) == nil && len(steps) > 0 {
			return steps
		}
	}
	return nil
}

// KeepLatest keeps the steps of a build of a stage under all its names. It writes
// nothing where they are the same as before.
func (c *Cache) KeepLatest(steps []Step, stages ...string) error {
	if c == nil {
		return nil
	}
	data, err := json.Marshal(steps)
	if err != nil {
		return err
	}
	for _, stage := range stages {
		name := c.latestPath(stage)
		if old, err := readLimited(name, latestLimit); err == nil && bytes.Equal(old, data) {
			continue
		}
		err := writeFile(name, data)
		if err == nil {
			err = sweep(filepath.Dir(name), latestKept, latestKeptBytes)
		}
		if err != nil {
			return fmt.Errorf("keeping the steps of a stage: %w", err)
		}
	}
	return nil
}

// ByDigest looks an entry up by the digest of its key.
func (c *Cache) ByDigest(digest string) (Entry, bool) {
	if c == nil || !digestName.MatchString(digest) {
		return Entry{}, false
	}
	data, err := readLimited(c.file(digest), entryLimit)
	var e Entry
	if err != nil || json.Unmarshal(data, &e) != nil || e.Parts.Digest() != digest {
		return Entry{}, false
	}
	return e, true
}

// readLimited reads a file that has at most so many bytes.
func readLimited(name string, limit int64) ([]byte, error) {
	info, err := os.Lstat(name)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > limit {
		return nil, fmt.Errorf("%q: not a file of at most %d bytes", name, limit)
	}
	return os.ReadFile(name)
}
