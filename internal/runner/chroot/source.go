package chroot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// openSources makes a detached mount of everything that comes from the host:
// the root file system, then the sources of mounts. It says in numbers at which
// descriptor of the helper each mount of the spec has its source. The caller
// closes the files, also after an error.
func openSources(spec *specs.Spec, bundle string) (files []*os.File, numbers []int, err error) {
	root, err := openBind(spec.Root.Path, mountOptions{Propagation: unix.MS_PRIVATE})
	if err != nil {
		return nil, nil, fmt.Errorf("mounting the root file system %q: %w", spec.Root.Path, err)
	}
	files = append(files, root)
	numbers = make([]int, len(spec.Mounts))
	for i, m := range spec.Mounts {
		if !fromHost(m) {
			continue
		}
		f, err := openSource(m, bundle)
		if err != nil {
			return files, nil, fmt.Errorf("mounting at %q: %w", m.Destination, err)
		}
		if f == nil {
			continue
		}
		numbers[i] = sourceFD + len(files) - 1
		files = append(files, f)
	}
	return files, numbers, nil
}

// openSource makes the detached mount of one source. It is nil if there is
// nothing to mount.
func openSource(m specs.Mount, bundle string) (*os.File, error) {
	o, err := parseOptions(m)
	if err != nil {
		return nil, err
	}
	if o.Propagation == 0 {
		o.Propagation = unix.MS_PRIVATE
	}
	switch {
	case m.Type == "overlay" && !o.Bind:
		fd, err := create("overlay", m.Source, o)
		if err != nil {
			return nil, err
		}
		return os.NewFile(uintptr(fd), m.Destination), nil
	case m.Type == "cgroup":
		// Ours are not divided: the container sees them and cannot change them.
		f, err := openBind("/sys/fs/cgroup", mountOptions{
			Set:         unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC,
			Propagation: unix.MS_PRIVATE,
		})
		if errors.Is(err, os.ErrNotExist) {
			return nil, nil
		}
		return f, err
	}
	source := m.Source
	if !filepath.IsAbs(source) {
		source = filepath.Join(bundle, source)
	}
	if d := filepath.Clean(m.Destination); d == "/sys" || d == "/proc" {
		o.Set |= unix.MOUNT_ATTR_RDONLY // views of the host's
		o.Clear &^= unix.MOUNT_ATTR_RDONLY
	}
	return openBind(source, o)
}

// openBind makes a detached mount of a file of the host.
func openBind(path string, o mountOptions) (*os.File, error) {
	fd, err := clonePath(path, o.Flat)
	if err != nil {
		return nil, err
	}
	if err := change(fd, o); err != nil {
		closeFD(fd)
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// openSelf opens our own binary so that nobody can write to it through that
// descriptor, or through /proc/PID/exe of what is started from it: root in the
// container may be root on the host.
func openSelf() (*os.File, error) {
	const self = "/proc/self/exe"
	fd, err := unix.Open(self, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("opening our binary: %w", err)
	}
	defer closeFD(fd)
	if tree, err := clone(fd, true); err == nil {
		if err := change(tree, mountOptions{Set: unix.MOUNT_ATTR_RDONLY, Propagation: unix.MS_PRIVATE}); err == nil {
			return os.NewFile(uintptr(tree), self), nil
		}
		closeFD(tree)
	}
	// It is not in our mount namespace: started from memory, or re-executed.
	return copySelf(self)
}

// protected tells whether a file is on a read-only mount or sealed.
func protected(fd int) bool {
	var fs unix.Statfs_t
	if unix.Fstatfs(fd, &fs) == nil && fs.Flags&unix.ST_RDONLY != 0 {
		return true
	}
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	return err == nil && seals&unix.F_SEAL_WRITE != 0
}

// copySelf makes a copy of our binary in sealed memory, or opens it if it is
// safe already.
func copySelf(self string) (*os.File, error) {
	const seals = unix.F_SEAL_SEAL | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_WRITE
	source, err := os.Open(self)
	if err != nil {
		return nil, fmt.Errorf("opening our binary: %w", err)
	}
	if protected(int(source.Fd())) {
		return source, nil
	}
	defer source.Close()
	fd, err := unix.MemfdCreate(helperName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("copying our binary: %w", err)
	}
	memory := os.NewFile(uintptr(fd), helperName)
	if _, err = memory.ReadFrom(source); err == nil {
		_, err = unix.FcntlInt(memory.Fd(), unix.F_ADD_SEALS, seals)
	}
	if err != nil {
		memory.Close()
		return nil, fmt.Errorf("copying our binary: %w", err)
	}
	return memory, nil
}
