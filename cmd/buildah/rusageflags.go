package main

import (
	"fmt"
	"io"
	"os"

	"github.com/projectatomic/buildah/internal/rusage"
)

// rusageFlags say where the cost of each step is told.
type rusageFlags struct {
	log  bool
	file string
}

func (f *rusageFlags) options() []*option {
	return []*option{
		boolOption("log-rusage", &f.log, "write what each step cost"),
		textOption("rusage-logfile", "FILE", &f.file, "write what each step cost to FILE"),
	}
}

// settle gives what measures a step from when it is called until what it gives is
// called. Without a file, out gets the lines; nil measures nothing.
func (f *rusageFlags) settle(out io.Writer) (measure func() func(), done func() error, err error) {
	done = func() error { return nil }
	if !f.log && f.file == "" || out == nil {
		return nil, done, nil
	}
	if f.file != "" {
		file, err := os.OpenFile(f.file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return nil, done, fmt.Errorf("opening the log file of --rusage-logfile: %w", err)
		}
		out, done = file, file.Close
	}
	return func() func() {
		before, err := rusage.Now()
		return func() {
			after, failed := rusage.Now()
			if err == nil && failed == nil {
				fmt.Fprintln(out, after.Since(before))
			}
		}
	}, done, nil
}
