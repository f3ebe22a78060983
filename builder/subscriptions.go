package builder

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/selinux/go-selinux/label"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
)

// subscription is one line of a mounts.conf: something of the host that every
// container gets a copy of, such as the machine's keys for package repositories.
type subscription struct{ host, target string }

// subscriptions mounts what mounts.conf lists. Nothing of it is worth failing a
// command for: a file that is wrong is warned about and left out whole.
func (x *execution) subscriptions() []specs.Mount {
	file := x.record.DefaultMountsFilePath
	if file == "" {
		file = x.engine.usualMountsFile()
	}
	if file == "" {
		return nil
	}
	mounts, err := x.subscribe(file)
	if err != nil {
		x.engine.warn("leaving out the mounts of %q: %v", file, err)
		return nil
	}
	return mounts
}

// usualMountsFile is the first of the usual places that has a file, "" when none has.
func (e *Engine) usualMountsFile() string {
	places := []string{"/etc/containers/mounts.conf", "/usr/share/containers/mounts.conf"}
	if e.Host.Rootless {
		dir, ok := e.Host.Lookup("XDG_CONFIG_HOME")
		if home, set := e.Host.Lookup("HOME"); !ok && set {
			dir, ok = filepath.Join(home, ".config"), true
		}
		if ok {
			places = append([]string{filepath.Join(dir, "containers/mounts.conf")}, places...)
		}
	}
	for _, place := range places {
		if _, err := os.Stat(place); err == nil {
			return place
		}
	}
	return ""
}

func (x *execution) subscribe(file string) ([]specs.Mount, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	list, err := parseSubscriptions(string(text))
	if err != nil {
		return nil, err
	}
	var mounts []specs.Mount
	for _, s := range list {
		at, err := x.subscriptionCopy(s)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, fmt.Errorf("copying %q: %w", s.host, err)
		}
		mounts = append(mounts, specs.Mount{Destination: s.target, Type: "bind", Source: at, Options: []string{"bind", "rprivate"}})
	}
	return mounts, nil
}

// parseSubscriptions reads lines HOST[:CONTAINER]; only those that begin with a slash count.
func parseSubscriptions(text string) ([]subscription, error) {
	var list []subscription
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if !strings.HasPrefix(line, "/") {
			continue
		}
		host, target, given := strings.Cut(line, ":")
		if !given {
			target = host
		}
		if !path.IsAbs(target) || path.Clean(target) == "/" || strings.Contains(target, ":") {
			return nil, fmt.Errorf("%q is not HOST[:CONTAINER] with absolute paths", line)
		}
		list = append(list, subscription{host: path.Clean(host), target: path.Clean(target)})
	}
	return list, nil
}

// subscriptionCopy gives the container's own copy. It is made once: what the host
// changes later does not reach a container that was used before. It appears by a
// rename, so a command beside us sees all of it or nothing.
func (x *execution) subscriptionCopy(s subscription) (string, error) {
	dir, err := x.engine.Store.ContainerDir(x.ID())
	if err != nil {
		return "", err
	}
	top := filepath.Join(dir, "subscriptions")
	sum := sha256.Sum256([]byte(s.target))
	at := filepath.Join(top, hex.EncodeToString(sum[:])[:16])
	if _, err := os.Stat(at); err == nil {
		return at, nil
	}
	if _, err := os.Stat(s.host); err != nil {
		return "", err
	}
	if err := os.MkdirAll(top, 0o700); err != nil {
		return "", err
	}
	temp, err := os.MkdirTemp(top, "new-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(temp)
	fresh := filepath.Join(temp, "content")
	if err := copySubscription(s.host, fresh, x.containerRoot(), nil); err != nil {
		return "", withoutNotExist(err)
	}
	if err := label.Relabel(fresh, x.record.MountLabel, false); err != nil {
		return "", fmt.Errorf("relabelling: %w", err)
	}
	err = unix.Renameat2(unix.AT_FDCWD, fresh, unix.AT_FDCWD, at, unix.RENAME_NOREPLACE)
	if err != nil && !errors.Is(err, fs.ErrExist) { // another command was faster
		return "", err
	}
	return at, nil
}

// withoutNotExist keeps a file that vanishes on the way, or a dangling link, from
// being taken for an entry that is not there at all.
func withoutNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New(err.Error())
	}
	return err
}

// copySubscription copies a file or a tree, following links, with modes. Inside
// are the directories that it is in: a link may lead back up to one of them.
func copySubscription(from, to string, owner copier.Owner, inside []os.FileInfo) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	switch {
	case slices.ContainsFunc(inside, func(above os.FileInfo) bool { return os.SameFile(above, info) }):
		return fmt.Errorf("the link %q leads in a circle", from)
	case info.IsDir():
		err = copySubscriptionDir(from, to, owner, append(inside[:len(inside):len(inside)], info))
	case info.Mode().IsRegular():
		err = copySubscriptionFile(from, to)
	default:
		return fmt.Errorf("%q is neither a file nor a directory", from)
	}
	if err != nil {
		return err
	}
	if err := os.Lchown(to, owner.UID, owner.GID); err != nil {
		return err
	}
	return os.Chmod(to, info.Mode())
}

func copySubscriptionDir(from, to string, owner copier.Owner, inside []os.FileInfo) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := copySubscription(filepath.Join(from, entry.Name()), filepath.Join(to, entry.Name()), owner, inside); err != nil {
			return err
		}
	}
	return nil
}

func copySubscriptionFile(from, to string) error {
	src, err := os.OpenFile(from, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return err
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if _, err := io.Copy(dst, src); err != nil {
		return errors.Join(err, dst.Close())
	}
	return dst.Close()
}
