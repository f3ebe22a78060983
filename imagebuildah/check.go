package imagebuildah

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
)

// flagRule says which flags an instruction has, and which of them need a value.
type flagRule struct {
	flags map[string]bool // name -> needs a value
	text  string
}

// flagRules are the instructions that have flags, and the words about them that
// scripts look for.
var flagRules = map[string]flagRule{
	"FROM": {map[string]bool{"platform": true, "after": true}, "FROM only supports the --platform and --after flags"},
	"RUN":  {map[string]bool{"mount": true, "network": true, "security": true}, "RUN only supports the --mount and --network flag"},
	"COPY": {
		map[string]bool{"chown": true, "chmod": true, "from": true, "exclude": true, "link": false, "parents": false},
		"COPY only supports the --chmod=<permissions> --chown=<uid:gid> --from=<image|stage> and the --exclude=<pattern> flags",
	},
	"ADD": {
		map[string]bool{"chown": true, "chmod": true, "checksum": true, "exclude": true, "link": false, "keep-git-dir": false, "unpack": false},
		"ADD only supports the --chmod=<permissions>, --chown=<uid:gid>, and --checksum=<checksum> --exclude=<pattern> flags",
	},
	"HEALTHCHECK": {
		map[string]bool{"interval": true, "timeout": true, "start-period": true, "start-interval": true, "retries": true},
		"HEALTHCHECK only supports the --interval, --timeout, --start-period, --start-interval and --retries flags",
	},
}

// checkFlags finds flags that the instruction does not have or that lack their value.
func checkFlags(verb string, flags []string) error {
	rule, ok := flagRules[verb]
	if !ok {
		return nil // the instruction parser knows that there are none
	}
	for _, flag := range flags {
		if flag == "--" {
			return nil
		}
		name, value, given := strings.Cut(strings.TrimPrefix(flag, "--"), "=")
		needed, known := rule.flags[name]
		switch {
		case !known:
			return blame("--"+name, fmt.Errorf("%s: unknown flag %q%s", rule.text, "--"+name, suggestFlag(name, rule.flags)))
		case needed && !given:
			return blame("--"+name, fmt.Errorf("%s: %q needs a value", rule.text, "--"+name))
		case name == "from" && value == "":
			return blame(flag, errors.New("no value specified for --from="))
		}
	}
	return nil
}

func suggestFlag(name string, known map[string]bool) string {
	names := make([]string, 0, len(known))
	for _, k := range slices.Sorted(maps.Keys(known)) {
		names = append(names, "--"+k)
	}
	return didYouMean("--"+name, names)
}

// check finds what is wrong with the values of an instruction, as far as they
// hold no variables, and what this version cannot do.
func (in *instruction) check() error {
	if err := in.checkWords(); err != nil {
		return err
	}
	switch c := in.cmd.(type) {
	case *instructions.RunCommand:
		return in.checkRun()
	case *instructions.CopyCommand:
		return checkCopy(c)
	case *instructions.AddCommand:
		return checkAdd(c)
	case *instructions.StopSignalCommand:
		if !variable(c.Signal) {
			return blame(c.Signal, checkSignal(c.Signal))
		}
	case *instructions.ExposeCommand:
		for _, port := range c.Ports {
			if variable(port) {
				continue
			}
			if err := checkPort(port); err != nil {
				return err
			}
		}
	case *instructions.OnbuildCommand:
		return checkTrigger(c.Expression)
	}
	return nil
}

// variable tells whether a word is only known when the step runs.
func variable(word string) bool { return strings.Contains(word, "$") }

func (in *instruction) checkRun() error {
	if !variable(in.network) {
		if err := checkNetwork(in.network); err != nil {
			return blame("--network="+in.network, blame(in.network, err))
		}
	}
	if !variable(in.rights) {
		if err := checkSecurity(in.rights); err != nil {
			return err
		}
	}
	for _, m := range in.mounts {
		if variable(m) {
			continue
		}
		if _, err := parseMount(m); err != nil {
			return blame("--mount="+m, err)
		}
	}
	return nil
}

func checkNetwork(mode string) error {
	switch mode {
	case "", "default", "none", "host":
		return nil
	}
	return fmt.Errorf("unsupported value %q for \"RUN --network\", must be either \"host\" or \"none\"%s",
		mode, didYouMean(mode, []string{"default", "none", "host"}))
}

func checkCopy(c *instructions.CopyCommand) error {
	for _, s := range c.SourcePaths {
		if contexts.IsURL(s) {
			return blame(s, fmt.Errorf("%q: source can't be a URL for COPY", contexts.Redact(s)))
		}
	}
	if err := checkExcludes(c.ExcludePatterns); err != nil {
		return err
	}
	return checkMode(c.Chmod)
}

func checkAdd(c *instructions.AddCommand) error {
	if c.Checksum != "" && len(c.SourcePaths)+len(c.SourceContents) > 1 {
		return blame("--checksum="+c.Checksum, fmt.Errorf("checksum flag is for one source, and there are %d", len(c.SourcePaths)+len(c.SourceContents)))
	}
	for _, s := range c.SourcePaths {
		if err := checkRemote(s, c.Checksum); err != nil {
			return err
		}
	}
	if err := checkExcludes(c.ExcludePatterns); err != nil {
		return err
	}
	return checkMode(c.Chmod)
}

// checkRemote checks a source and its checksum as far as they hold no variables.
func checkRemote(source, checksum string) error {
	switch {
	case variable(source):
		return nil
	case contexts.IsGit(source):
		return checkRepository(source, checksum)
	case checksum == "":
		return nil
	case !contexts.IsURL(source):
		return blame(source, errors.New("checksum flag is not supported for local sources"))
	case variable(checksum):
		return nil
	}
	if _, err := digest.Parse(checksum); err != nil {
		return blame("--checksum="+checksum, blame(checksum, fmt.Errorf("checksum %q: %w", checksum, err)))
	}
	return nil
}

// checkRepository checks the address of a repository, and the commit it must have.
func checkRepository(source, checksum string) error {
	g, err := contexts.ParseGit(source)
	if err != nil {
		return blame(source, err)
	}
	if g.OverSSH() {
		return blame(source, unsupported("ADD of a repository over ssh", "name it by its https address, or clone it before the build"))
	}
	if variable(checksum) {
		return nil
	}
	return blame("--checksum="+checksum, blame(checksum, g.RequireCommit(checksum)))
}

// checkLinks deals with --link, which is about layers of their own.
func (b *build) checkLinks(list []*instruction) {
	for _, in := range list {
		link := false
		switch c := in.cmd.(type) {
		case *instructions.CopyCommand:
			link = c.Link
		case *instructions.AddCommand:
			link = c.Link
		}
		if link && !b.o.Layers {
			b.warn("--link is not supported when building without --layers, ignoring --link")
		}
	}
}

func checkMode(mode string) error {
	if mode == "" || variable(mode) {
		return nil
	}
	if _, err := copier.ParseChmod(mode); err != nil {
		return blame("--chmod="+mode, blame(mode, fmt.Errorf("Error parsing chmod %q: it must be an octal number of at most 7777, or symbolic as in \"u=rwX,go=rX\"", mode)))
	}
	return nil
}

// realTime is the highest signal there is.
const realTime = 64

// checkSignal knows signals by number and by name.
func checkSignal(signal string) error {
	invalid := fmt.Errorf("Invalid signal: %s", signal) //nolint:staticcheck // scripts look for it
	if n, err := strconv.Atoi(signal); err == nil {
		if n < 1 || n > realTime {
			return invalid
		}
		return nil
	}
	name := strings.ToUpper(signal)
	if !strings.HasPrefix(name, "SIG") {
		name = "SIG" + name
	}
	if unix.SignalNum(name) != 0 {
		return nil
	}
	for _, base := range []string{"SIGRTMIN", "SIGRTMAX"} {
		if rest, ok := strings.CutPrefix(name, base); ok {
			if n, err := strconv.Atoi(rest); rest == "" || err == nil && max(n, -n) <= realTime/2 {
				return nil
			}
		}
	}
	return invalid
}

// checkTrigger checks the instruction that an ONBUILD keeps for later.
func checkTrigger(text string) error {
	_, err := parseFile("ONBUILD", []byte(text))
	var at *SourceError
	if !errors.As(err, &at) {
		return err
	}
	if !isBlamed(at.Err) {
		word, _, _ := strings.Cut(text, " ")
		return blame(word, at.Err)
	}
	return at.Err
}
