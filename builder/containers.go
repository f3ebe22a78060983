package builder

import (
	"fmt"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/projectatomic/buildah/internal/store"
)

// ContainerInfo is one container of the store as listings show it.
type ContainerInfo struct {
	ID        string
	Name      string
	Ours      bool // it has a record of ours
	ImageID   string
	ImageName string // Scratch without a base; "" when the image has no name or is gone
	Mount     string // where it is mounted, "" when it is not

	imageNames []string // all that the image has now
}

// ListContainers lists the working containers; with all, also those of other tools.
func (e *Engine) ListContainers(all bool) ([]ContainerInfo, error) {
	containers, err := e.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	names, err := e.imageNames()
	if err != nil {
		return nil, err
	}
	list := make([]ContainerInfo, len(containers))
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for i, c := range containers {
		g.Go(func() error {
			list[i] = e.containerInfo(c, names, all)
			return nil
		})
	}
	_ = g.Wait() // nothing in there fails
	return slices.DeleteFunc(list, func(info ContainerInfo) bool { return !info.Ours && !all }), nil
}

func (e *Engine) containerInfo(c store.Container, names map[string][]string, all bool) ContainerInfo {
	info := ContainerInfo{ID: c.ID, ImageID: c.ImageID}
	if len(c.Names) > 0 {
		info.Name = c.Names[0]
	}
	from := ""
	var r recordHead
	dir, err := e.Store.ContainerDir(c.ID)
	if err == nil {
		r, err = loadHead(dir)
	}
	if err == nil {
		info.Ours, from = true, r.FromImage
		if r.Steps != nil && r.Steps.Layers > 0 { // it stands on an image that its user has never heard of
			info.ImageID = r.FromImageID
		}
		if !all {
			info.Name = r.Container
		}
	}
	info.imageNames = names[info.ImageID]
	switch {
	case info.ImageID == "":
		info.ImageName = Scratch
	case slices.Contains(info.imageNames, from):
		info.ImageName = from // unless another image has that name by now
	case len(info.imageNames) > 0:
		info.ImageName = info.imageNames[0]
	}
	return info
}

// imageNames gives the names of each image.
func (e *Engine) imageNames() (map[string][]string, error) {
	images, err := e.Store.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	names := make(map[string][]string, len(images))
	for _, img := range images {
		names[img.ID] = img.Names
	}
	return names, nil
}

// ContainerFilter reads the filter of a listing: comma separated key=value
// items, all of which must hold. Keys are id, name and ancestor.
func ContainerFilter(text string) (func(ContainerInfo) bool, error) {
	var tests []func(ContainerInfo) bool
	for item := range strings.SplitSeq(text, ",") {
		if text == "" {
			break
		}
		key, value, ok := strings.Cut(item, "=")
		if !ok {
			return nil, fmt.Errorf("incorrect filter format %q: should be key=value", item)
		}
		switch key {
		case "id":
			tests = append(tests, func(c ContainerInfo) bool { return strings.HasPrefix(c.ID, value) })
		case "name":
			tests = append(tests, func(c ContainerInfo) bool { return strings.Contains(c.Name, value) })
		case "ancestor":
			tests = append(tests, func(c ContainerInfo) bool { return isAncestor(c, value) })
		default:
			return nil, fmt.Errorf("invalid filter %q: id, name and ancestor are known", key)
		}
	}
	return func(c ContainerInfo) bool {
		for _, test := range tests {
			if !test(c) {
				return false
			}
		}
		return true
	}, nil
}

// isAncestor tests an image ID prefix, or the end of a name of the image; with a
// colon the tag must be the same.
func isAncestor(c ContainerInfo, value string) bool {
	if value != "" && strings.HasPrefix(c.ImageID, value) {
		return true
	}
	wantName, wantTag := cutTag(value)
	return slices.ContainsFunc(append([]string{c.ImageName}, c.imageNames...), func(full string) bool {
		name, tag := cutTag(full)
		return (wantTag == "" || wantTag == tag) && (name == wantName || strings.HasSuffix(name, "/"+wantName))
	})
}

// cutTag cuts the tag off an image name; the port of a registry is none.
func cutTag(name string) (string, string) {
	at := strings.LastIndexByte(name, ':')
	if at < 0 || strings.Contains(name[at:], "/") {
		return name, ""
	}
	return name[:at], name[at+1:]
}
