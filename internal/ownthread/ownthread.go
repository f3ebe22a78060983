// Package ownthread runs functions on threads of their own, so that they may change
// what a thread has: its namespaces, its root.
package ownthread

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// Do calls f on a thread that ends with it, and gives what f gives.
//
// It is never the main thread: that one would not end, and the rest of the process
// would see, in /proc/self, what f has made of it.
func Do(f func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with the goroutine
		if unix.Gettid() == unix.Getpid() {
			defer runtime.UnlockOSThread()
			done <- Do(f)
			return
		}
		done <- f()
	}()
	return <-done
}
