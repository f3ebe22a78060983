package userns

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/reexec"
	"go.podman.io/storage/pkg/unshare"
	"golang.org/x/sys/unix"
)

// Enter runs our own binary again with these arguments (argv[0] included) in a
// session, with our standard streams, and returns its exit status: 1 if a
// signal ended it. HUP, INT and TERM go on to it; it ends when we do.
func Enter(ctx context.Context, s Session, argv []string) (int, error) {
	// The parent-death signal comes when the thread ends that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	defer signal.Stop(signals)

	start := startDirectly
	if s.Helpers {
		start = startWithHelpers
	}
	name := filepath.Base(argv[0]) + "-in-a-user-namespace"
	cmd, err := start(s, append([]string{name}, argv[1:]...))
	if err != nil {
		return 1, &RefusedError{cause: err, Obstacles: Obstacles(s.process)}
	}
	done := make(chan struct{})
	go forward(ctx, signals, done, cmd.Process)
	err = cmd.Wait()
	close(done)
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	case ctx.Err() != nil:
		return 1, context.Cause(ctx)
	case errors.As(err, &exit):
		return 1, nil
	}
	return 1, fmt.Errorf("waiting for the user namespace: %w", err)
}

// forward hands signals on until done is closed.
func forward(ctx context.Context, signals <-chan os.Signal, done <-chan struct{}, p *os.Process) {
	for {
		select {
		case s := <-signals:
			_ = p.Signal(s) // it may have ended
		case <-ctx.Done():
			_ = p.Kill()
			return
		case <-done:
			return
		}
	}
}

// prepare gives a command our streams and makes it end with us.
func prepare(cmd *exec.Cmd, s Session) {
	cmd.Env = s.Env
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: unix.SIGKILL}
}

// startDirectly starts the process in its namespace; we write the maps.
func startDirectly(s Session, argv []string) (*exec.Cmd, error) {
	cmd := reexec.Command(argv...)
	prepare(cmd, s)
	attr := cmd.SysProcAttr
	attr.Cloneflags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS
	attr.UidMappings, attr.GidMappings = kernelMap(s.UIDMap), kernelMap(s.GIDMap)
	attr.GidMappingsEnableSetgroups = !s.Alone
	attr.Credential = &syscall.Credential{NoSetGroups: true}
	return cmd, cmd.Start()
}

// startWithHelpers starts the process by the storage library, which calls
// newuidmap and newgidmap, and falls back to a single id when they refuse.
func startWithHelpers(s Session, argv []string) (*exec.Cmd, error) {
	cmd := unshare.Command(argv...)
	prepare(cmd.Cmd, s)
	cmd.UnshareFlags = unix.CLONE_NEWUSER | unix.CLONE_NEWNS
	cmd.UseNewuidmap, cmd.UseNewgidmap = true, true
	cmd.UidMappings, cmd.GidMappings = s.UIDMap, s.GIDMap
	cmd.GidMappingsEnableSetgroups = true
	return cmd.Cmd, cmd.Start()
}

func kernelMap(maps []specs.LinuxIDMapping) []syscall.SysProcIDMap {
	var result []syscall.SysProcIDMap
	for _, m := range maps {
		result = append(result, syscall.SysProcIDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return result
}
