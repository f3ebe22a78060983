package imagebuildah

import (
	"errors"
	"fmt"
	"strings"

	"github.com/projectatomic/buildah/builder"
)

// SourceError is a mistake in a Dockerfile. Its text is one line that begins with
// the place; [SourceError.Excerpt] shows the lines.
type SourceError struct {
	File  string
	Line  int // of the instruction's first line, from 1
	Err   error
	place place
}

func (e *SourceError) Error() string { return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err) }

func (e *SourceError) Unwrap() error { return e.Err }

// Excerpt shows the lines that the error is about, marked, between their neighbours.
func (e *SourceError) Excerpt() string { return e.place.excerpt() }

// StepError is a step that failed. Whatever made it fail, the exit status of a
// RUN among it, is found with errors.As.
type StepError struct {
	Step  string // the instruction, its verb in capitals and nothing expanded; "" for a base that cannot be had
	Err   error
	place place

	Output    []string // the last lines that its command wrote, as far as nobody saw them
	Container string   // where to look at what it left; "" if that is gone
}

func (e *StepError) Error() string {
	if e.Step == "" {
		return e.Err.Error()
	}
	return "building at STEP \"" + e.Step + "\": " + e.Err.Error()
}

func (e *StepError) Unwrap() error { return e.Err }

// Ran tells that a command was run, or was to be, and failed.
func (e *StepError) Ran() bool {
	var exit *builder.ExitError
	var start *builder.StartError
	return errors.As(e.Err, &exit) || errors.As(e.Err, &start)
}

// Excerpt shows the lines of the step, marked, between their neighbours.
func (e *StepError) Excerpt() string { return e.place.excerpt() }

// place is a range of lines in a source.
type place struct {
	src         *source
	first, last int // from 1
}

// contextLines is how many lines are shown around those that are meant.
const contextLines = 2

// longest is the length after which a shown line is cut.
const longest = 120

func (p place) excerpt() string {
	if p.src == nil || p.first < 1 {
		return ""
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d\n", p.src.name, p.first)
	last := max(p.first, p.last)
	width := len(fmt.Sprint(last + contextLines))
	for n := max(1, p.first-contextLines); n <= min(len(p.src.lines), last+contextLines); n++ {
		mark := "   "
		if n >= p.first && n <= last {
			mark = ">>>"
		}
		line := p.src.lines[n-1]
		if len(line) > longest {
			line = strings.ToValidUTF8(line[:longest], "") + "..."
		}
		fmt.Fprintf(&b, "%s %*d | %s\n", mark, width, n, line)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// unsupported is the answer to what a later version will do.
func unsupported(what, instead string) error {
	return fmt.Errorf("%s is not supported in this version; %s", what, instead)
}
