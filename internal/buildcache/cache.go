// Package buildcache remembers what steps have come to: a key, made of all that
// a result follows from, leads to the result by one read of a file. It also
// remembers the contents of source files by what stat tells of them.
//
// Everything here can be deleted at any time; the next build is slower.
package buildcache

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Cache is the directory of one store; nil knows nothing and keeps nothing.
type Cache struct{ dir string }

// Open gives the cache of a store. Nothing is made before something is kept.
func Open(graphRoot string) *Cache {
	return &Cache{dir: filepath.Join(graphRoot, "buildah-cache")}
}

// Entry is what a step has come to.
type Entry struct {
	Config    []byte `json:"config"`            // blob of the image's configuration after the step
	MediaType string `json:"mediaType"`         // of that blob
	Layer     string `json:"layer,omitempty"`   // ID of the top layer; "" on scratch
	Virtual   bool   `json:"virtual,omitempty"` // no image has this configuration
	Parts     Key    `json:"parts"`             // of the key, to explain a miss

	Created time.Time `json:"created"`          // when the step was carried out; the file's time is that of its last use
	Remote  *Remote   `json:"remote,omitempty"` // where it was learnt; nil when the step was carried out here
}

// OlderThan tells whether the step was carried out longer ago than that, or its image
// says that it was made longer ago, which options can set.
func (e *Entry) OlderThan(age time.Duration, now time.Time) bool {
	var image struct {
		Created time.Time `json:"created"`
	}
	return now.Sub(e.Created) > age || json.Unmarshal(e.Config, &image) == nil && now.Sub(image.Created) > age
}

// entryLimit bounds what is read, in bytes.
const entryLimit = 16 << 20

func (c *Cache) path(key Key) string { return c.file(key.Digest()) }

func (c *Cache) file(digest string) string {
	return filepath.Join(c.dir, stepsDir, digest[:2], digest[2:])
}

// Find looks a step up. Whatever is wrong with the file, the step is not known.
func (c *Cache) Find(key Key) (Entry, bool) {
	var e Entry
	if c == nil {
		return e, false
	}
	f, err := os.Open(c.path(key))
	if err != nil {
		return e, false
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || info.Size() > entryLimit {
		return e, false
	}
	if json.NewDecoder(f).Decode(&e) != nil || e.Parts.Digest() != key.Digest() {
		return Entry{}, false
	}
	noteUse(f.Name(), info.ModTime())
	return e, true
}

// usedAgain is how much later another use has to be to be noted.
const usedAgain = time.Minute

// noteUse makes a file's time that of its last use, which pruning goes by. It is
// not worth an error.
func noteUse(name string, last time.Time) {
	if age := time.Since(last); age > usedAgain || age < 0 {
		_ = unix.UtimesNano(name, []unix.Timespec{{Nsec: unix.UTIME_NOW}, {Nsec: unix.UTIME_NOW}})
	}
}

// Keep remembers a step, in place of what was known of it.
func (c *Cache) Keep(key Key, e Entry) error {
	if c == nil {
		return nil
	}
	e.Parts = key
	if e.Created.IsZero() {
		e.Created = time.Now().UTC()
	}
	data, err := json.Marshal(e)
	if err != nil {
		return err
	}
	if err := writeFile(c.path(key), data); err != nil {
		return fmt.Errorf("keeping a step in the cache: %w", err)
	}
	return nil
}

// Drop forgets a step whose result is gone.
func (c *Cache) Drop(key Key) { c.Forget(key.Digest()) }

// Forget is Drop for those who only know the digest of the key.
func (c *Cache) Forget(digest string) {
	if c != nil {
		_ = os.Remove(c.file(digest)) // it may be gone already
	}
}

// writeFile replaces a file as a whole. It is not synced: a torn file is one that
// is not known.
func writeFile(name string, parts ...[]byte) error {
	dir := filepath.Dir(name)
	tmp, err := os.CreateTemp(dir, ".new-")
	if errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return err
		}
		tmp, err = os.CreateTemp(dir, ".new-")
	}
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err == nil {
			_, err = tmp.Write(part)
		}
	}
	if err = errors.Join(err, tmp.Close()); err == nil {
		err = os.Rename(tmp.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(tmp.Name()))
	}
	return nil
}
