package ownthread

import (
	"errors"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDo(t *testing.T) {
	t.Parallel()
	want := errors.New("mine")
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			err := Do(func() error {
				if unix.Gettid() == unix.Getpid() {
					return errors.New("on the main thread")
				}
				return want
			})
			if !errors.Is(err, want) {
				t.Error(err)
			}
		})
	}
	all.Wait()
}
