package main

import (
	"errors"
	"slices"
	"strings"
)

// progressFlags say how a build is shown.
type progressFlags struct{ mode string }

// The ways of showing a build.
const (
	progressAuto  = "auto"
	progressPlain = "plain"
	progressJSON  = "json"
)

func (f *progressFlags) options() []*option {
	f.mode = progressAuto
	ways := []string{progressAuto, progressPlain, progressJSON}
	return []*option{
		newOption("progress", "WAY", "show the build as plain lines or as json", func(s string) error {
			if f.mode = s; !slices.Contains(ways, s) {
				return errors.New("the ways are " + strings.Join(ways, ", "))
			}
			return nil
		}).shows(progressAuto),
	}
}

// check finds what cannot be together with the way that is asked for.
func (f *progressFlags) check(b *buildFlags) error {
	refuse := func(flag, why string) error {
		return usageError{text: "--progress " + f.mode + " cannot be used with " + flag + ": " + why}
	}
	r := &b.result
	switch {
	case f.mode != progressJSON:
	case r.quiet:
		return refuse("--quiet", "that shows only the ID of the image")
	case r.toStdout() && r.logFile == "":
		return refuse("--output -", "both are for standard output; use --logfile as well")
	}
	return nil
}

// way is how the build is shown in the end.
func (f *progressFlags) way() string {
	if f.mode == progressAuto {
		return progressPlain
	}
	return f.mode
}
