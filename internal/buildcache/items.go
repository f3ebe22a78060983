package buildcache

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// What the directory holds, by its subdirectories. What lies in others are notes.
const (
	stepsDir = "steps"
	sumsDir  = "sums"
)

// Item is a file of the cache as pruning sees it.
type Item struct {
	Step   bool   // what a step has come to
	Source bool   // what is known of a tree of source files
	Image  string // of a step: ID of the image that it came to, "" when it made none
	Layer  string // of a step: ID of its top layer, "" on scratch
	Used   time.Time
	Size   int64 // bytes

	path string
}

// halfWritten is the age at which a file that is being written belongs to nobody.
const halfWritten = time.Hour

// Items lists all files. Those of steps are read, as which images the cache keeps is
// said nowhere else.
func (c *Cache) Items() ([]Item, error) {
	var items []Item
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // it has just been removed, or nothing was ever kept
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		i := Item{Used: info.ModTime(), Size: info.Size(), path: path}
		if strings.HasPrefix(d.Name(), ".new-") {
			if time.Since(i.Used) > halfWritten {
				items = append(items, i)
			}
			return nil
		}
		kind, _, _ := strings.Cut(strings.TrimPrefix(path, c.dir+"/"), "/")
		if i.Step, i.Source = kind == stepsDir, kind == sumsDir; i.Step {
			i.Image, i.Layer = resultOf(path)
		}
		items = append(items, i)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("listing the build cache: %w", err)
	}
	return items, nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// resultOf reads what a step has come to. One that cannot be read came to nothing.
func resultOf(path string) (image, layer string) {
	var e struct {
		Config  []byte `json:"config"`
		Layer   string `json:"layer"`
		Virtual bool   `json:"virtual"`
	}
	data, err := os.ReadFile(path)
	if err != nil || json.Unmarshal(data, &e) != nil {
		return "", ""
	}
	if e.Virtual {
		return "", e.Layer
	}
	sum := sha256.Sum256(e.Config)
	return hex.EncodeToString(sum[:]), e.Layer
}

// Remove deletes files, unless one of them was used after it was listed.
func (c *Cache) Remove(items ...Item) (removed bool, err error) {
	for _, i := range items {
		info, err := os.Stat(i.path)
		if err != nil || !info.ModTime().Equal(i.Used) {
			return false, pruning(err)
		}
	}
	for _, i := range items {
		if err := os.Remove(i.path); err != nil {
			return false, pruning(err)
		}
	}
	return true, nil
}

func pruning(err error) error {
	if err = ignoreMissing(err); err != nil {
		return fmt.Errorf("pruning the build cache: %w", err)
	}
	return nil
}
