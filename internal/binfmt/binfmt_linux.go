package binfmt

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// Answer is what is known about an architecture.
type Answer int

// The answers.
const (
	Unknown Answer = iota // binfmt_misc cannot be looked at, or the architecture is not known
	Runs
	DoesNotRun
)

// mountPoint is where binfmt_misc is usually mounted.
const mountPoint = "/proc/sys/fs/binfmt_misc"

// Supports tells whether this machine runs programs for an architecture, as images
// spell it.
func Supports(arch string) Answer {
	m, known := machines[arch]
	switch {
	case arch == runtime.GOARCH || arch == "386" && runtime.GOARCH == "amd64":
		return Runs
	case !known || arch == "arm" && runtime.GOARCH == "arm64": // some of those processors do, some do not
		return Unknown
	}
	dir, err := open()
	if errors.Is(err, unix.ENODEV) {
		return DoesNotRun // the kernel does not have it
	}
	if err != nil {
		return Unknown
	}
	defer dir.Close()
	return supports(dir.FS(), m)
}

func supports(dir fs.FS, m machine) Answer {
	status, err := fs.ReadFile(dir, "status")
	if err != nil {
		return Unknown
	}
	names, err := fs.Glob(dir, "*")
	if err != nil || strings.TrimSpace(string(status)) != "enabled" {
		return DoesNotRun
	}
	for _, name := range names {
		if name == "status" || name == "register" {
			continue
		}
		text, err := fs.ReadFile(dir, name)
		if err != nil {
			continue // it has just been taken away
		}
		if h, err := parseHandler(string(text)); err == nil && h.takes(m.header()) {
			return Runs
		}
	}
	return DoesNotRun
}

// open opens binfmt_misc where it is mounted, else a mount of it that only we see.
func open() (*os.Root, error) {
	dir, err := os.OpenRoot(mountPoint)
	if err == nil {
		if _, err := dir.Stat("status"); err == nil {
			return dir, nil
		}
		dir.Close()
	}
	if !initialUserNamespace() {
		return nil, unix.EPERM // a mount here would show handlers of this namespace only
	}
	return mount()
}

// mount mounts binfmt_misc nowhere: it is gone with the descriptor.
func mount() (*os.Root, error) {
	fsfd, err := unix.Fsopen("binfmt_misc", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("mounting binfmt_misc: %w", err)
	}
	defer func() { _ = unix.Close(fsfd) }()
	if err := unix.FsconfigCreate(fsfd); err != nil {
		return nil, fmt.Errorf("mounting binfmt_misc: %w", err)
	}
	fd, err := unix.Fsmount(fsfd, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("mounting binfmt_misc: %w", err)
	}
	defer func() { _ = unix.Close(fd) }()
	return os.OpenRoot(fmt.Sprintf("/proc/self/fd/%d", fd))
}

func initialUserNamespace() bool {
	data, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(data)), " ") == "0 0 4294967295"
}

// directories hold the interpreters that a machine wants registered
// (binfmt.d(5)). A file hides those of its name in later directories.
var directories = []string{"/etc/binfmt.d", "/run/binfmt.d", "/usr/lib/binfmt.d"}

// Register tells binfmt_misc of the interpreters in binfmt.d. That it may not is
// no error. What is registered holds at least until keep is closed: the kernel
// forgets it with the last mount of binfmt_misc. keep may be nil.
func Register() (keep io.Closer, err error) {
	lines, err := configured(directories)
	if err != nil || len(lines) == 0 {
		return nil, err
	}
	dir, err := open()
	if denied(err) {
		return nil, nil //nolint:nilnil // there is nothing to keep
	}
	if err != nil {
		return nil, err
	}
	for _, line := range lines {
		err := register(dir, line)
		switch {
		case denied(err):
			return dir, nil
		case err != nil && !errors.Is(err, fs.ErrExist):
			return dir, fmt.Errorf("registering %q with binfmt_misc: %w", line, err)
		}
	}
	return dir, nil
}

func denied(err error) bool {
	return errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS)
}

func register(dir *os.Root, line string) error {
	f, err := dir.OpenFile("register", os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}

// configured are the lines of the files in binfmt.d.
func configured(directories []string) (lines []string, err error) {
	seen := map[string]bool{}
	for _, dir := range directories {
		files, err := filepath.Glob(filepath.Join(dir, "*.conf"))
		if err != nil {
			return nil, err
		}
		for _, file := range files {
			if seen[filepath.Base(file)] {
				continue
			}
			seen[filepath.Base(file)] = true
			data, err := os.ReadFile(file)
			if err != nil {
				return nil, fmt.Errorf("reading interpreters: %w", err)
			}
			for line := range strings.Lines(string(data)) {
				if line = strings.TrimSpace(line); line != "" && line[0] != '#' && line[0] != ';' {
					lines = append(lines, line)
				}
			}
		}
	}
	return lines, nil
}
