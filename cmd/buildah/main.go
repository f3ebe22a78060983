package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"go.podman.io/storage/pkg/reexec"

	"github.com/projectatomic/buildah/internal/runner/chroot"
	"github.com/projectatomic/buildah/internal/runner/oci"
)

func main() {
	registerHelpers()
	if reexec.Init() {
		return
	}
	os.Exit(run())
}

// registerHelpers declares what this program does when it starts itself again.
// It has to come before reexec.Init, and before anything else.
func registerHelpers() {
	chroot.Register()
	oci.Register()
}

// heapGrowth lets the heap grow to three times what is in use before it is
// collected. Most verbs end before that: a collection costs them a quarter of their time.
const heapGrowth = 200

// run is main with deferred calls that are made.
func run() int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	// The first signal asks every verb to stop and clean up; the second one ends us.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	go func() {
		<-ctx.Done()
		stop()
	}()
	p := newProgram(os.Stdin, os.Stdout, os.Stderr)
	return p.run(ctx, os.Args[1:])
}
