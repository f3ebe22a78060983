package imagebuildah

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/ignore"
)

// checkSources finds what steps name and what cannot be there, so that a slip on
// the last line costs no work.
func (b *build) checkSources() error {
	if err := b.plan.checkVariables(); err != nil {
		return err
	}
	mayChange := b.contextMayChange()
	for _, s := range b.plan.stages {
		for _, in := range s.steps {
			if err := b.plan.checkOrigins(in, s.index); err != nil {
				return in.fail(err)
			}
			if !s.needed || mayChange {
				continue
			}
			if err := b.checkFiles(in); err != nil {
				return &StepError{Step: in.shown(), Err: err, place: in.placeOf(err), early: true}
			}
		}
	}
	return nil
}

// doubt is a step whose words cannot be expanded, unless a base image has the
// variables that they want.
type doubt struct {
	in    *instruction
	stage int
	err   error
}

// startEnv is what is known of the variables that a stage begins with.
func startEnv(s *stage) []string {
	if s.image == builder.Scratch && s.context == nil {
		return []string{"PATH=" + defaultPath}
	}
	return nil
}

// checkVariables finds words that cannot be expanded in stages that begin with nothing.
func (p *plan) checkVariables() error {
	for _, d := range p.doubts {
		first := p.stages[d.stage]
		for first.base != none {
			first = p.stages[first.base]
		}
		if p.stages[d.stage].needed && first.image == builder.Scratch && first.context == nil {
			return d.in.fail(d.err)
		}
	}
	return nil
}

// contextMayChange tells whether a RUN could make files in the build context.
func (b *build) contextMayChange() bool {
	if m := b.o.Run.Mounts; len(m.Volumes)+len(m.Mounts) > 0 {
		return true
	}
	writes := func(in *instruction) bool {
		return slices.ContainsFunc(in.mounts, func(m string) bool {
			return strings.Contains(m, "rw") || strings.Contains(m, "readwrite") || variable(m)
		})
	}
	return slices.ContainsFunc(b.plan.stages, func(s *stage) bool { return slices.ContainsFunc(s.steps, writes) })
}

// checkFiles looks for the files of the context that a step copies.
func (b *build) checkFiles(in *instruction) error {
	var sources []string
	switch c := in.cmd.(type) {
	case *instructions.CopyCommand:
		if c.From == "" {
			sources = c.SourcePaths
		}
	case *instructions.AddCommand:
		sources = c.SourcePaths
	}
	for _, name := range sources {
		if variable(name) || strings.ContainsAny(name, `*?[\`) || contexts.IsURL(name) || contexts.IsGit(name) || escapes(name) {
			continue
		}
		if _, err := b.context.Lstat(path.Clean("/" + name)); errors.Is(err, fs.ErrNotExist) {
			_, err = b.context.Lstat(name) // in the words that the step would have
			return blame(name, err)
		}
	}
	return nil
}

// stageNumber is what is meant to be a stage. Longer numbers can be the beginning
// of an image's ID.
var stageNumber = regexp.MustCompile("^[0-9]{1,3}$")

// checkOrigins finds numbers of stages that are not there, or come later.
func (p *plan) checkOrigins(in *instruction, before int) error {
	check := func(flag, from string) error {
		_, named := p.lookup(from, before)
		if named || !stageNumber.MatchString(from) || p.find(from, before) != none {
			return nil
		}
		reason := fmt.Sprintf("the stages before this one are numbered 0 to %d", before-1)
		if before == 0 {
			reason = "no stage is before this one"
		}
		return blame(flag, blame(from, fmt.Errorf("%s=%s: no stage or image found with that name: %s", flag[:strings.Index(flag, "=")], from, reason)))
	}
	switch c := in.cmd.(type) {
	case *instructions.CopyCommand:
		if c.From != "" {
			return check("--from="+c.From, c.From)
		}
	case *instructions.RunCommand:
		for _, text := range in.mounts {
			if variable(text) {
				continue
			}
			if m, err := parseMount(text); err == nil && m.From != "" {
				return blame("--mount="+text, check("from="+m.From, m.From))
			}
		}
	}
	return nil
}

// missing says what may have been meant by a name that is neither a stage nor an image.
func (p *plan) missing(name string, before int) string {
	if at := p.find(name, len(p.stages)); at != none && at != before {
		return " (the stage of that name does not come before)"
	}
	return didYouMean(name, p.names(before))
}

// checkExcludes finds patterns that nothing can match.
func checkExcludes(patterns []string) error {
	for _, pattern := range patterns {
		if variable(pattern) {
			continue
		}
		if _, err := ignore.New([]string{pattern}); err != nil {
			return blame("--exclude="+pattern, blame(pattern, err))
		}
	}
	return nil
}

// highestPort is the last one there is.
const highestPort = 65535

// checkPort checks a word of EXPOSE: PORT or FIRST-LAST, an address or a port of
// the host in front, which says nothing, and a protocol.
func checkPort(word string) error {
	number, protocol, given := strings.Cut(word, "/")
	known := []string{"tcp", "udp", "sctp"}
	if given && !slices.Contains(known, strings.ToLower(protocol)) {
		return blame(word, blame(protocol, fmt.Errorf("invalid port %q: the protocol %q is not known: there are tcp, udp and sctp%s",
			word, protocol, didYouMean(protocol, known))))
	}
	number = number[strings.LastIndex(number, ":")+1:]
	first, last, ranged := strings.Cut(number, "-")
	if !ranged {
		last = first
	}
	from, err := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	switch {
	case err != nil || err2 != nil:
		return blame(word, fmt.Errorf("invalid port %q: it is a number up to %d, or two with \"-\" between them", word, highestPort))
	case from > to:
		return blame(word, fmt.Errorf("invalid port %q: the range ends before it begins", word))
	}
	return nil
}
