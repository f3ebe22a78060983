package imagebuildah

import (
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/builder"
)

// SourceError is a mistake in a Dockerfile. Its text is one line that begins with
// the place; [SourceError.Excerpt] shows the lines.
type SourceError struct {
	File   string
	Line   int // from 1
	Column int // in characters, from 1
	Width  int // of what is meant, in characters
	Err    error
	place  place
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("%s:%d:%d: %v", e.File, e.Line, e.Column, e.Err)
}

func (e *SourceError) Unwrap() error { return e.Err }

// Excerpt shows the line between its neighbours, and a caret below the word.
func (e *SourceError) Excerpt() string { return e.place.excerpt() }

// sourceError is an error at a place.
func sourceError(at place, err error) *SourceError {
	return &SourceError{File: at.src.name, Line: at.first, Column: at.column, Width: at.width, Err: err, place: at}
}

// StepError is a step that failed. Whatever made it fail, the exit status of a
// RUN among it, is found with errors.As.
type StepError struct {
	Step  string // the instruction, its verb in capitals and nothing expanded; "" for a base that cannot be had
	Err   error
	place place

	Output    []string // the last lines that its command wrote, as far as nobody saw them
	Container string   // where to look at what it left; "" if that is gone

	early bool // it was found out before anything ran

	rescue func() (container string, err error) // leaves the container to the user; nil when that is not wanted
}

// keep leaves the working container to the user where that was asked for.
func (e *StepError) keep() {
	if e.rescue == nil {
		return
	}
	var err error
	if e.Container, err = e.rescue(); err != nil {
		e.Err = errors.Join(e.Err, err)
	}
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
	return !e.early && (errors.As(e.Err, &exit) || errors.As(e.Err, &start))
}

// Place is where the step stands; the file is "" when nobody knows, and the column
// is 0 when it is about all of the line.
func (e *StepError) Place() (file string, line, column int) {
	var at *SourceError
	switch {
	case errors.As(e.Err, &at):
		return at.File, at.Line, at.Column
	case e.place.src == nil || e.place.first < 1:
		return "", 0, 0
	}
	return e.place.src.name, e.place.first, e.place.column
}

// Excerpt names the place of the step and shows its lines between their neighbours.
func (e *StepError) Excerpt() string {
	shown := e.place.excerpt()
	if shown == "" {
		return ""
	}
	return e.place.String() + "\n" + shown
}

// unsupported is the answer to what a later version will do.
func unsupported(what, instead string) error {
	return fmt.Errorf("%s is not supported in this version; %s", what, instead)
}
