package main

import (
	"context"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"go.podman.io/storage/pkg/reexec"

	"github.com/projectatomic/buildah/internal/network"
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
	network.Register()
}

// heapGrowth lets the heap grow to three times what is in use before it is
// collected. Most verbs end before that: a collection costs them a quarter of their time.
const heapGrowth = 200

// heapLimit, in bytes, is from where on it is collected more often than that. With
// the program itself, whose pages count, the process stays around 64 MiB.
const heapLimit = 32 << 20

// sameSignal is how long another signal counts as the same one: what is sent to all
// processes of a terminal or of a job reaches the one in a user namespace twice,
// since the one outside hands it on.
const sameSignal = time.Second

// run is main with deferred calls that are made.
func run() int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(heapGrowth)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(heapLimit)
	}
	// The first signal asks every verb to stop and clean up; the second one ends us.
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	go func() {
		<-ctx.Done()
		time.Sleep(sameSignal)
		stop()
	}()
	p := newProgram(os.Stdin, os.Stdout, os.Stderr)
	return p.run(ctx, os.Args[1:])
}
