package network

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/ownthread"
)

// space is a network namespace that lives as long as its files are open.
type space struct {
	net  *os.File
	user *os.File // the user namespace that it belongs to, nil if that is ours
}

// path is where other processes find the namespace.
func (s space) path() string { return descriptorPath(s.net) }

func (s space) userPath() string {
	if s.user == nil {
		return ""
	}
	return descriptorPath(s.user)
}

func descriptorPath(f *os.File) string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), f.Fd()) }

func (s space) close() {
	_ = s.net.Close()
	if s.user != nil {
		_ = s.user.Close()
	}
}

// newSpace makes one with the loopback interface up. With id maps it belongs to a
// new user namespace, so that the container's root owns it.
func newSpace(ids IDMaps) (space, error) {
	if len(ids.UIDs) > 0 {
		return newOwnedSpace(ids)
	}
	var s space
	err := ownthread.Do(func() (err error) {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return err
		}
		if s.net, err = os.Open("/proc/thread-self/ns/net"); err != nil {
			return err
		}
		return loopbackUp()
	})
	if err != nil && s.net != nil {
		s.close()
	}
	if err != nil {
		return s, fmt.Errorf("making a network namespace: %w", err)
	}
	return s, nil
}

// inside calls f on a thread in the namespace.
func (s space) inside(f func() error) error {
	return ownthread.Do(func() error {
		if err := unix.Setns(int(s.net.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("entering the network namespace: %w", err)
		}
		return f()
	})
}

// holderName is argv[0] of the process that a user namespace begins with.
const holderName = "buildah-network-holder"

// hold is that process's main function: it waits until its namespaces are open elsewhere.
func hold() {
	_, _ = os.Stdout.WriteString("1")
	_, _ = os.Stdin.Read(make([]byte, 1))
	os.Exit(0) //nolint:forbidigo // the end of the process
}

// newOwnedSpace has the kernel make both namespaces with one process.
func newOwnedSpace(ids IDMaps) (s space, err error) {
	cmd := exec.Command(reexec.Self()) //nolint:noctx // it ends when its input does
	cmd.Args = []string{holderName}
	cmd.Env, cmd.Dir = []string{}, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNET, UidMappings: ids.UIDs, GidMappings: ids.GIDs,
		GidMappingsEnableSetgroups: true, Pdeathsig: unix.SIGKILL,
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		return s, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return s, err
	}
	if err := cmd.Start(); err != nil {
		return s, fmt.Errorf("making a network namespace in a user namespace: %w", err)
	}
	defer func() {
		_ = in.Close()
		_ = cmd.Wait()
	}()
	if n, _ := out.Read(make([]byte, 1)); n != 1 {
		return s, errors.New("making a network namespace in a user namespace: its process has ended")
	}
	at := fmt.Sprintf("/proc/%d/ns/", cmd.Process.Pid)
	if s.net, err = os.Open(at + "net"); err != nil {
		return s, fmt.Errorf("opening the network namespace: %w", err)
	}
	if s.user, err = os.Open(at + "user"); err != nil {
		_ = s.net.Close()
		return s, fmt.Errorf("opening the user namespace: %w", err)
	}
	if err := s.inside(loopbackUp); err != nil {
		s.close()
		return s, err
	}
	return s, nil
}

// identity names the namespace that a file stands for.
func identity(path string) (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return "", fmt.Errorf("looking at %q: %w", path, err)
	}
	return fmt.Sprintf("%d:%d", st.Dev, st.Ino), nil
}
