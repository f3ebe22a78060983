package oci

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// This file is the supervisor, the entry point of a process of its own: it alone
// reads the environment, and ends the process.

// supervise is the supervisor's main function. It does all with one goroutine, since
// it has to collect children that others have started.
func supervise() {
	// First of all: nothing that we have open may get into the container.
	if err := unix.CloseRange(controlFD, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC); err != nil {
		for fd := controlFD; fd <= lockFD; fd++ {
			unix.CloseOnExec(fd)
		}
	}
	reports := os.NewFile(reportFD, "reports")
	s := &overseer{
		reports: json.NewEncoder(reports), ended: map[int]unix.WaitStatus{},
		stops: make(chan bool, 1), children: make(chan os.Signal, 1), signals: make(chan os.Signal, 1),
	}
	signal.Notify(s.children, unix.SIGCHLD)
	signal.Notify(s.signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	control := bufio.NewReader(os.NewFile(controlFD, "control"))
	line, err := control.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &s.order) != nil {
		os.Exit(1) //nolint:forbidigo // nothing was ordered, so there is nothing to do
	}
	go func() {
		_, err := control.ReadBytes('\n')
		s.stops <- err != nil
	}()
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		s.report(report{Failed: fmt.Sprintf("becoming the subreaper: %v", err)})
	} else {
		s.oversee()
	}
	if s.orphaned {
		_ = s.order.removeBundle()
	}
	_ = os.RemoveAll(s.order.State)
	os.Exit(0) //nolint:forbidigo // the end of the process
}

// overseer is a supervisor at work.
type overseer struct {
	order    order
	reports  *json.Encoder
	ended    map[int]unix.WaitStatus // children that ended
	stops    chan bool               // the run is to end; true: because our caller is dead
	children chan os.Signal
	signals  chan os.Signal
	orphaned bool
}

func (s *overseer) report(r report) { _ = s.reports.Encode(r) }

// oversee carries out the order.
func (s *overseer) oversee() {
	go warmCgroups()
	pid, err := s.start(s.order.Bundle, s.order.runArgs(), []uintptr{0, 1, 2})
	// The ends of the pipes that the command has must be the only ones.
	letGo()
	if err != nil {
		s.report(report{Failed: fmt.Sprintf("executing the runtime %q: %v", s.order.Runtime, err)})
		return
	}
	if !s.order.Detach {
		s.report(report{Started: true})
		s.finish(s.await(pid))
		return
	}
	status, ok := s.await(pid)
	if !ok {
		s.finish(status, ok)
		return
	}
	main, err := readPID(s.order.pidFile())
	if status != 0 || err != nil {
		s.killAll()
		s.delete()
		s.report(report{Failed: failure(status, err)})
		return
	}
	s.report(report{Started: true})
	s.finish(s.await(main))
}

func failure(status unix.WaitStatus, err error) string {
	switch {
	case status.Signaled():
		return "the runtime was ended by " + unix.SignalName(status.Signal())
	case status != 0:
		return fmt.Sprintf("the runtime ended with status %d and did not say why", status.ExitStatus())
	}
	return fmt.Sprintf("reading the process id: %v", err)
}

// finish reports the end of the command, or kills it when the wait for it was broken
// off. With a PID namespace of its own nothing is left once it has ended, so
// nobody need wait until the runtime has tidied up.
func (s *overseer) finish(status unix.WaitStatus, ended bool) {
	r := report{Ended: true}
	if status.Signaled() {
		r.Signal = unix.SignalName(status.Signal())
	} else {
		r.Code = status.ExitStatus()
	}
	if ended && status != 0 {
		r.Memory = s.order.outOfMemory()
	}
	early := ended && s.order.PrivatePID && s.order.Detach
	if early {
		s.report(r)
	}
	if !ended && !s.order.Detach {
		s.delete() // its processes need not be children of ours
	}
	s.killAll()
	s.delete()
	if !early {
		s.report(r)
	}
}

// start starts the runtime. It is not waited for through package os, which would
// compete for children with us.
func (s *overseer) start(dir string, args []string, files []uintptr) (int, error) {
	argv := append([]string{filepath.Base(s.order.Runtime)}, args...)
	return syscall.ForkExec(s.order.Runtime, argv, &syscall.ProcAttr{
		Env: os.Environ(), Files: files, Dir: dir, //nolint:forbidigo // handed through: our caller chose it
	})
}

// await waits for the end of a child; false means that the run is to be stopped.
func (s *overseer) await(pid int) (unix.WaitStatus, bool) {
	for {
		s.reap()
		if status, ok := s.ended[pid]; ok {
			return status, true
		}
		select {
		case <-s.children:
		case s.orphaned = <-s.stops:
			return 0, false
		case <-s.signals:
			return 0, false
		}
	}
}

// reap collects all children that have ended; it tells whether there are others.
func (s *overseer) reap() (more bool) {
	for {
		var status unix.WaitStatus
		pid, err := unix.Wait4(-1, &status, unix.WNOHANG, nil)
		switch {
		case errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return false
		case pid == 0:
			return true
		}
		s.ended[pid] = status
	}
}

// killPatience bounds the wait for processes that cannot be killed just now.
const killPatience = 20 * time.Second

// killAll kills all children. What those leave behind becomes our child, too, until
// there is nothing left.
func (s *overseer) killAll() {
	deadline := time.After(killPatience)
	for s.reap() {
		for _, pid := range childrenOf(os.Getpid()) {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
		select {
		case <-s.children:
		case <-time.After(20 * time.Millisecond): // a child may have got children meanwhile
		case <-deadline:
			return
		}
	}
}

// delete removes the cgroups and what the runtime knows of the container.
func (s *overseer) delete() {
	if s.order.Detach && !s.order.known() || s.order.tidy() {
		return
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer null.Close()
	fd := null.Fd()
	// Not in the bundle, which our caller may have removed already.
	pid, err := s.start("/", s.order.deleteArgs(), []uintptr{fd, fd, fd})
	if err != nil {
		return
	}
	for {
		s.reap()
		if _, ok := s.ended[pid]; ok {
			return
		}
		<-s.children
	}
}

// childrenOf looks for children in /proc, since not every kernel lists them.
func childrenOf(parent int) []int {
	names, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	var all []int
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		// PID (NAME) STATE PPID; the name may hold anything.
		fields := strings.Fields(string(data[strings.LastIndexByte(string(data), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(parent) {
			continue
		}
		if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(name))); err == nil {
			all = append(all, pid)
		}
	}
	return all
}

// letGo exchanges our standard streams for /dev/null.
func letGo() {
	null, err := unix.Open(os.DevNull, unix.O_RDWR|unix.O_CLOEXEC, 0)
	for fd := range 3 {
		if err != nil {
			_ = unix.Close(fd)
			continue
		}
		_ = unix.Dup3(null, fd, 0)
	}
	if err == nil {
		_ = unix.Close(null)
	}
}

func readPID(file string) (int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
