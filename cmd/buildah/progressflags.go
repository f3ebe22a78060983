package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/internal/suggest"
)

// progressFlags say how a build is shown.
type progressFlags struct{ mode string }

// The ways of showing a build.
const (
	progressAuto  = "auto"
	progressPlain = "plain"
	progressTTY   = "tty"
	progressJSON  = "json"
)

func (f *progressFlags) options() []*option {
	f.mode = progressAuto
	ways := []string{progressAuto, progressPlain, progressTTY, progressJSON}
	return []*option{
		newOption("progress", "WAY", "show the build as plain lines, as a picture on a tty, or as json; auto chooses one of the first two", func(s string) error {
			if f.mode = s; !slices.Contains(ways, s) {
				return fmt.Errorf("the ways are %s%s", strings.Join(ways, ", "), suggest.Instead(s, ways...))
			}
			return nil
		}).shows(progressAuto),
	}
}

// check finds what cannot be together with the way that is asked for.
func (f *progressFlags) check(p *program, b *buildFlags) error {
	refuse := func(flag, why string) error {
		return usageError{text: "--progress " + f.mode + " cannot be used with " + flag + ": " + why}
	}
	r := &b.result
	switch {
	case f.mode != progressTTY && f.mode != progressJSON:
	case r.quiet:
		return refuse("--quiet", "that shows only the ID of the image")
	case f.mode == progressJSON && r.toStdout() && r.logFile == "":
		return refuse("--output -", "both are for standard output; use --logfile as well")
	case f.mode == progressTTY && r.logFile != "":
		return refuse("--logfile", "that takes all output")
	case f.mode == progressTTY && b.running.stdin && isTerminal(p.stdin):
		return refuse("--stdin", "what is typed would be drawn over")
	}
	return nil
}

// way is how the build is shown in the end. A picture needs a terminal that can move
// its cursor; auto draws one only where nobody else reads the output.
func (f *progressFlags) way(p *program, b *buildFlags) string {
	drawable := isTerminal(p.stderr) && p.env("TERM") != "" && p.env("TERM") != "dumb"
	switch f.mode {
	case progressAuto:
		alone := isTerminal(p.stdout) && b.result.logFile == "" && !b.result.quiet && !b.result.toStdout()
		if drawable && alone && !b.running.stdin {
			return progressTTY
		}
		return progressPlain
	case progressTTY:
		if !drawable {
			return progressPlain
		}
	}
	return f.mode
}
