package builder

import (
	"fmt"
	"strings"
)

// ContainerInfo is one container of the store as listings show it.
type ContainerInfo struct {
	ID        string
	Name      string
	Ours      bool // it has a record of ours
	ImageID   string
	ImageName string // Scratch without a base; "" when the image has no name or is gone
	Mount     string // where it is mounted, "" when it is not
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
	var list []ContainerInfo
	for _, c := range containers {
		info := ContainerInfo{ID: c.ID, ImageID: c.ImageID, ImageName: names[c.ImageID]}
		if c.ImageID == "" {
			info.ImageName = Scratch
		}
		if len(c.Names) > 0 {
			info.Name = c.Names[0]
		}
		b, err := e.open(c)
		if err == nil {
			info.Ours = true
			if b.hasSteps() { // it stands on an image that its user has never heard of
				info.ImageID, info.ImageName = b.record.FromImageID, names[b.record.FromImageID]
				if info.ImageID == "" {
					info.ImageName = Scratch
				}
			}
			if !all {
				info.Name = b.record.Container
			}
			if b.record.FromImage != "" && names[info.ImageID] != "" {
				info.ImageName = b.record.FromImage
			}
		}
		if info.Ours || all {
			list = append(list, info)
		}
	}
	return list, nil
}

// imageNames gives the first name of each image.
func (e *Engine) imageNames() (map[string]string, error) {
	images, err := e.Store.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	names := map[string]string{}
	for _, img := range images {
		if len(img.Names) > 0 {
			names[img.ID] = img.Names[0]
		}
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

// isAncestor tests an image ID prefix, or the end of the image's name; with a
// colon the tag must be the same.
func isAncestor(c ContainerInfo, value string) bool {
	if value != "" && strings.HasPrefix(c.ImageID, value) {
		return true
	}
	name, tag := cutTag(c.ImageName)
	wantName, wantTag := cutTag(value)
	if wantTag != "" && wantTag != tag {
		return false
	}
	return name == wantName || strings.HasSuffix(name, "/"+wantName)
}

// cutTag cuts the tag off an image name; the port of a registry is none.
func cutTag(name string) (string, string) {
	at := strings.LastIndexByte(name, ':')
	if at < 0 || strings.Contains(name[at:], "/") {
		return name, ""
	}
	return name[:at], name[at+1:]
}
