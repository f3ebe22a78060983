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
// called, which is a line that is to be shown, or "" when the file has it.
func (f *rusageFlags) settle(quiet bool) (measure func() func() string, done func() error, err error) {
	done = func() error { return nil }
	if !f.log && f.file == "" || quiet {
		return nil, done, nil
	}
	var out io.Writer
	if f.file != "" {
		file, err := os.OpenFile(f.file, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
		if err != nil {
			return nil, done, fmt.Errorf("opening the log file of --rusage-logfile: %w", err)
		}
		out, done = file, file.Close
	}
	return func() func() string {
		before, err := rusage.Now()
		return func() string {
			after, failed := rusage.Now()
			if err != nil || failed != nil {
				return ""
			}
			text := fmt.Sprint(after.Since(before))
			if out == nil {
				return text
			}
			fmt.Fprintln(out, text)
			return ""
		}
	}, done, nil
}
