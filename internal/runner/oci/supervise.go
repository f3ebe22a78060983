package oci

import (
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
	if unix.CloseRange(wireFD, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) != nil {
		unix.CloseOnExec(wireFD)
	}
	w, err := openWire(os.NewFile(wireFD, "wire"))
	if err != nil {
		os.Exit(1) //nolint:forbidigo // nobody can order anything
	}
	s := &overseer{
		wire: w, orders: make(chan ordered, 1), stops: make(chan string, 1), gone: make(chan struct{}),
		children: make(chan os.Signal, 1), signals: make(chan os.Signal, 1),
	}
	signal.Notify(s.children, unix.SIGCHLD)
	signal.Notify(s.signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	go s.listen()
	for s.next() {
	}
	os.Exit(0) //nolint:forbidigo // the end of the process
}

// overseer is a supervisor at work.
type overseer struct {
	wire     wire
	orders   chan ordered
	stops    chan string   // IDs of runs that are to end
	gone     chan struct{} // closed when our caller is dead, or needs us no more
	children chan os.Signal
	signals  chan os.Signal

	// Of the run under way.
	order    order
	ended    map[int]unix.WaitStatus // children that ended
	orphaned bool                    // our caller died meanwhile
}

// ordered is an order with its descriptors: the three streams and the lock.
type ordered struct {
	order order
	fds   []int
}

// listen takes requests.
func (s *overseer) listen() {
	defer close(s.orders)
	defer close(s.gone)
	for {
		var r request
		fds, err := s.wire.receive(&r)
		switch {
		case err != nil:
			return
		case r.Order != nil && len(fds) == 4:
			s.orders <- ordered{*r.Order, fds}
		case r.Stop != "":
			s.stops <- r.Stop
		}
	}
}

// next carries out one order; false means that there will be no other.
func (s *overseer) next() bool {
	var o ordered
	var more bool
	select {
	case o, more = <-s.orders:
	case <-s.signals:
	}
	if !more {
		return false
	}
	s.order, s.ended, s.orphaned = o.order, map[int]unix.WaitStatus{}, false
	streams, lock := o.fds[:3], o.fds[3]
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		closeAll(streams)
		s.report(report{Failed: fmt.Sprintf("becoming the subreaper: %v", err)})
	} else {
		s.oversee(streams)
	}
	if s.orphaned {
		_ = RemoveBundle(s.order.Bundle)
	}
	_ = os.RemoveAll(s.order.State)
	_ = unix.Close(lock)
	return true
}

func (s *overseer) report(r report) { _ = s.wire.send(r) }

// oversee carries out the order.
func (s *overseer) oversee(streams []int) {
	go warmCgroups()
	pid, err := s.start(s.order.Bundle, s.order.runArgs(), streams)
	// The ends of the pipes that the command has must be the only ones.
	closeAll(streams)
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
	// What the runtime needs for that is gone when the caller is told, if it is in memory.
	early := ended && s.order.PrivatePID && s.order.Detach && s.order.Private == ""
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
func (s *overseer) start(dir string, args []string, streams []int) (int, error) {
	files := make([]uintptr, len(streams))
	for i, fd := range streams {
		files[i] = uintptr(fd)
	}
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
		case <-s.gone:
			s.orphaned = true
			return 0, false
		case id := <-s.stops:
			if id == s.order.ID { // else that run had just ended
				return 0, false
			}
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
	fd := int(null.Fd())
	// Not in the bundle, which our caller may have removed already.
	pid, err := s.start("/", s.order.deleteArgs(), []int{fd, fd, fd})
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

func closeAll(fds []int) {
	for _, fd := range fds {
		_ = unix.Close(fd)
	}
}

func readPID(file string) (int, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(strings.TrimSpace(string(data)))
}
