package rootfs

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
)

// maxLinks is what the kernel follows, too.
const maxLinks = 40

// follow gives the path, without a leading slash and without links, at which a
// runtime would mount on name: links are followed inside the root, also one that
// leads to nothing yet. The result is only used through the root again, so a link
// that is exchanged meanwhile leads nowhere else than inside.
func follow(root *copier.Root, name string) (string, error) {
	done, rest := "", path.Clean("/" + name)[1:]
	for links := 0; rest != ""; {
		var part string
		part, rest, _ = strings.Cut(rest, "/")
		switch part {
		case "", ".":
			continue
		case "..":
			if done = path.Dir(done); done == "." {
				done = ""
			}
			continue
		}
		next := path.Join(done, part)
		info, err := root.Lstat(next)
		if errors.Is(err, fs.ErrNotExist) || (err == nil && info.Mode&os.ModeSymlink == 0) {
			done = next
			continue
		}
		if err != nil {
			return "", err
		}
		if links++; links > maxLinks {
			return "", &fs.PathError{Op: "resolving", Path: name, Err: unix.ELOOP}
		}
		target, err := root.Readlink(next)
		if err != nil {
			return "", err
		}
		if path.IsAbs(target) {
			done = ""
		}
		rest = target + "/" + rest // not cleaned: ".." after a link is above where that leads
	}
	return done, nil
}
