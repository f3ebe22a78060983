package rootfs

import (
	"path"
	"strings"

	"github.com/projectatomic/buildah/copier"
)

// LookPath gives the path of a command in the root: a name without a slash is
// searched for in the directories of searchPath, and a link counts as found
// because its target may only be there once everything is mounted. "" is
// returned when there is none.
func LookPath(root *copier.Root, name, searchPath, cwd string) string {
	if strings.Contains(name, "/") || name == "" {
		return name
	}
	for dir := range strings.SplitSeq(searchPath, ":") {
		if !path.IsAbs(dir) {
			dir = path.Join("/", cwd, dir)
		}
		candidate := path.Join(dir, name)
		info, err := root.Lstat(candidate)
		if err != nil || info.Mode.IsDir() {
			continue
		}
		if info.Mode&0o111 != 0 {
			return candidate
		}
	}
	return ""
}
