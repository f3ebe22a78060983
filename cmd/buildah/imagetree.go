package main

import (
	"slices"
	"strings"
	"time"

	"github.com/docker/go-units"

	"github.com/projectatomic/buildah/builder"
)

// settleTree finds what a tree cannot be shown with. It has all images that are asked
// for: without what is between them there would be no tree.
func (o *imagesOptions) settleTree() error {
	if !o.tree {
		return nil
	}
	for _, other := range []struct {
		name  string
		given bool
	}{{"quiet", o.quiet}, {"format", o.format != ""}, {"digests", o.digests}, {"history", o.history}} {
		if other.given {
			return usageError{text: "tree and " + other.name + " are mutually exclusive"}
		}
	}
	o.list.All, o.list.Kin = o.list.Image == "", true
	return nil
}

// imageBranch is an image with those that stand on it.
type imageBranch struct {
	ID       string         `json:"id"`
	Names    []string       `json:"names"`
	Size     int64          `json:"size"` // bytes, with all that it stands on
	Adds     int64          `json:"adds"` // bytes that are not its parent's
	Created  time.Time      `json:"created"`
	Children []*imageBranch `json:"children,omitempty"`
}

// imageForest puts each image below the nearest one of the list that it stands on. The
// list is sorted, and so are the branches.
func imageForest(list []builder.ImageInfo, full bool) []*imageBranch {
	infos, branches := map[string]builder.ImageInfo{}, map[string]*imageBranch{}
	for _, img := range list {
		infos[img.ID] = img
		branches[img.ID] = &imageBranch{ID: shownID(img.ID, full), Names: img.Names, Size: img.Size, Adds: img.Size, Created: img.Created}
	}
	forest := []*imageBranch{}
	for _, img := range list {
		b := branches[img.ID]
		if parent := branches[img.Parent]; parent != nil && !descends(infos, img.Parent, img.ID) {
			parent.Children = append(parent.Children, b)
			if b.Size >= 0 && parent.Size >= 0 {
				b.Adds = max(0, b.Size-parent.Size)
			}
			continue
		}
		forest = append(forest, b)
	}
	return forest
}

// descends tells whether an image stands on another, however far below: images that
// say nothing of their history could stand on each other.
func descends(infos map[string]builder.ImageInfo, id, on string) bool {
	for range len(infos) {
		if id == on {
			return true
		}
		if id = infos[id].Parent; id == "" {
			return false
		}
	}
	return true
}

func (p *program) showImageTree(list []builder.ImageInfo, o imagesOptions) error {
	forest := imageForest(list, o.noTruncate)
	if o.asJSON {
		return writeJSON(p.stdout, forest)
	}
	var lines [][]string
	if !o.noHeading {
		lines = append(lines, []string{"IMAGE ID", "SIZE", "ADDS", "CREATED", "NAMES"})
	}
	for _, b := range forest {
		lines = b.lines(lines, "", "")
	}
	return writeTable(p.stdout, lines)
}

// lines adds the lines of a branch: first stands before the image, rest before those
// that stand on it.
func (b *imageBranch) lines(to [][]string, first, rest string) [][]string {
	names := "<none>"
	if len(b.Names) > 0 {
		names = strings.Join(slices.Sorted(slices.Values(b.Names)), ", ")
	}
	to = append(to, []string{first + b.ID, shownSize(b.Size), shownSize(b.Adds), units.HumanDuration(time.Since(b.Created)) + " ago", names})
	for i, child := range b.Children {
		if i < len(b.Children)-1 {
			to = child.lines(to, rest+"├─ ", rest+"│  ")
		} else {
			to = child.lines(to, rest+"└─ ", rest+"   ")
		}
	}
	return to
}
