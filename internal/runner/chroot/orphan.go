package chroot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// orphanage collects the processes that the command leaves behind.
type orphanage struct {
	proc *os.File // the host's /proc; nil where we are process 1
}

// adopt prepares for orphans. Where we are process 1 they come to us anyway and
// end with us.
func (o *orphanage) adopt(hostPIDs bool) error {
	if !hostPIDs {
		return nil
	}
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("becoming the parent of orphans: %w", err)
	}
	proc, err := os.OpenFile("/proc", os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return fmt.Errorf("opening the list of processes: %w", err)
	}
	o.proc = proc
	return nil
}

// waitFor collects orphans until the command ends.
func (o *orphanage) waitFor(command int) unix.WaitStatus {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, 0, nil)
		switch {
		case pid == command && (status.Exited() || status.Signaled()):
			return status
		case errors.Is(err, unix.ECHILD): // cannot be: the command is a child
			return unix.WaitStatus(unix.SIGKILL)
		}
	}
}

// killAll kills all descendants and returns when none is left. Each round
// kills the whole family; those whose parent died meanwhile are ours in the next.
func (o *orphanage) killAll() {
	for {
		for _, pid := range o.descendants() {
			_ = unix.Kill(pid, unix.SIGKILL) // gone already
		}
		if o.collect() {
			return
		}
	}
}

// collect waits for one child and takes all others that have ended. It tells
// whether no child is left.
func (o *orphanage) collect() bool {
	flags := 0
	for {
		pid, err := unix.Wait4(-1, nil, flags, nil)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return true
		case pid == 0:
			return false
		}
		flags = unix.WNOHANG
	}
}

// descendants lists the processes below us, from what /proc says of parents.
func (o *orphanage) descendants() []int {
	if o.proc == nil {
		return nil
	}
	if _, err := o.proc.Seek(0, 0); err != nil {
		return nil
	}
	names, err := o.proc.Readdirnames(-1)
	if err != nil {
		return nil
	}
	children := map[int][]int{}
	for _, name := range names {
		pid, err := strconv.Atoi(name)
		if err != nil {
			continue
		}
		parent := o.parent(name)
		children[parent] = append(children[parent], pid)
	}
	family := []int{os.Getpid()}
	for i := 0; i < len(family); i++ {
		family = append(family, children[family[i]]...)
	}
	return family[1:]
}

// parent reads the parent of a process. Its name, in parentheses, may hold
// anything, so what counts is what follows the last of them.
func (o *orphanage) parent(pid string) int {
	fd, err := unix.Openat(int(o.proc.Fd()), pid+"/stat", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return 0
	}
	defer closeFD(fd)
	buf := make([]byte, 512)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return 0
	}
	fields := bytes.Fields(buf[bytes.LastIndexByte(buf[:n], ')')+1 : n])
	if len(fields) < 2 {
		return 0
	}
	parent, err := strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0
	}
	return parent
}
