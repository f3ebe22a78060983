package imagebuildah

import (
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"

	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/ignore"
	"github.com/projectatomic/buildah/internal/suggest"
)

// step applies the rules about an instruction of a stage.
func (l *linting) step(in *instruction, s *lintedStage) {
	l.variables(in, s)
	switch c := in.cmd.(type) {
	case *instructions.ArgCommand:
		l.secrets(in, "ARG", argNames(c))
		for _, name := range argNames(c) {
			s.names[name] = true
		}
	case *instructions.EnvCommand:
		l.keyValues(in, "ENV", c.Env)
		var names []string
		for _, kv := range c.Env {
			names = append(names, kv.Key)
			s.names[kv.Key] = true
		}
		l.secrets(in, "ENV", names)
	case *instructions.LabelCommand:
		l.keyValues(in, "LABEL", c.Labels)
	case *instructions.CopyCommand:
		if c.From == "" {
			l.copyIgnored(in, c.SourcePaths)
		}
	case *instructions.AddCommand:
		l.copyIgnored(in, c.SourcePaths)
	case *instructions.ExposeCommand:
		l.expose(in, c.Ports)
	case *instructions.WorkdirCommand:
		l.workdir(in, c.Path, s)
	default:
		l.start(in, s)
	}
}

// start applies the rules about how a container starts.
func (l *linting) start(in *instruction, s *lintedStage) {
	switch c := in.cmd.(type) {
	case *instructions.ShellCommand:
		s.shell = true
	case *instructions.CmdCommand:
		l.shellForm(in, c.ShellDependantCmdLine, s)
		l.repeated(in, s)
	case *instructions.EntrypointCommand:
		l.shellForm(in, c.ShellDependantCmdLine, s)
		l.repeated(in, s)
	case *instructions.HealthCheckCommand:
		l.repeated(in, s)
	}
}

func (l *linting) shellForm(in *instruction, c instructions.ShellDependantCmdLine, s *lintedStage) {
	if c.PrependShell && len(c.CmdLine) > 0 && !s.shell {
		rule := &linter.RuleJSONArgsRecommended
		l.run(in, rule, rule.Format(in.verb()), c.CmdLine[0])
	}
}

// repeated finds instructions of which a later one of the stage leaves nothing.
func (l *linting) repeated(in *instruction, s *lintedStage) {
	if earlier := s.last[in.verb()]; earlier != nil {
		rule := &linter.RuleMultipleInstructionsDisallowed
		l.run(earlier, rule, rule.Format(in.verb()))
	}
	s.last[in.verb()] = in
}

func (l *linting) keyValues(in *instruction, verb string, list instructions.KeyValuePairs) {
	for _, kv := range list {
		if kv.NoDelim {
			rule := &linter.RuleLegacyKeyValueFormat
			l.run(in, rule, rule.Format(verb), kv.Key)
			return
		}
	}
}

// Names of what nobody else may know, and names that are not such a thing.
var (
	secretName = regexp.MustCompile(`(?i)(?:^|_)(?:apikey|auth|credentials?|key|password|pword|passwd|secret|token)(?:_|$)`)
	publicName = regexp.MustCompile(`(?i)(?:^|_)(?:public|file|version)(?:_|$)`)
)

func (l *linting) secrets(in *instruction, verb string, names []string) {
	for _, name := range names {
		if secretName.MatchString(name) && !publicName.MatchString(name) {
			rule := &linter.RuleSecretsUsedInArgOrEnv
			l.run(in, rule, rule.Format(verb, name), name)
		}
	}
}

func (l *linting) workdir(in *instruction, dir string, s *lintedStage) {
	switch {
	case path.IsAbs(dir), len(dir) > 1 && dir[1] == ':':
		s.workdir = true
	case !s.workdir && !strings.HasPrefix(dir, "$"):
		rule := &linter.RuleWorkdirRelativePath
		l.run(in, rule, rule.Format(dir), dir)
	}
}

func (l *linting) expose(in *instruction, ports []string) {
	for _, port := range ports {
		number, protocol, _ := strings.Cut(port, "/")
		if protocol != strings.ToLower(protocol) && !variable(protocol) {
			rule := &linter.RuleExposeProtoCasing
			l.run(in, rule, rule.Format(port), port)
		}
		if strings.Contains(number, ":") && !variable(number) {
			rule := &linter.RuleExposeInvalidFormat
			l.run(in, rule, rule.Format(port), port)
		}
	}
}

// ignored is what an ignore file leaves out.
type ignored struct {
	patterns []string
	file     string // "" without one
}

// copyIgnored finds sources that the ignore file leaves out. With exceptions in
// that file, only the files themselves could tell.
func (l *linting) copyIgnored(in *instruction, sources []string) {
	exception := func(p string) bool { return strings.HasPrefix(p, "!") }
	if l.ignored.file == "" || len(l.ignored.patterns) == 0 || slices.ContainsFunc(l.ignored.patterns, exception) {
		return
	}
	m, err := ignore.New(l.ignored.patterns)
	if err != nil {
		return // it is reported where the file is read
	}
	for _, source := range sources {
		name := strings.TrimPrefix(path.Clean("/"+source), "/")
		if name == "" || variable(source) || contexts.IsURL(source) || contexts.IsGit(source) || strings.ContainsAny(source, "*?[") {
			continue
		}
		if excluded, _ := m.Excluded(name, false); excluded {
			rule := &linter.RuleCopyIgnoredFile
			l.run(in, rule, rule.Format(in.verb(), source), source)
		}
	}
}

// variables finds variables that nothing defines. What a base image defines is not
// known here: a name that could be its own is only reported when it resembles one
// that is known.
func (l *linting) variables(in *instruction, s *lintedStage) {
	asked := &asking{names: s.names, missed: map[string]bool{}}
	if _, err := in.expanded(asked); err != nil {
		return
	}
	for _, text := range append([]string{in.network}, in.mounts...) {
		_, _ = in.src.word(text, asked)
	}
	if len(asked.missed) == 0 {
		return
	}
	j := in.src.join(in.node.StartLine, in.node.EndLine)
	for _, use := range uses(string(j.text)) {
		if !asked.missed[use.name] {
			continue
		}
		delete(asked.missed, use.name)
		near := suggest.Nearest(use.name, slices.Sorted(maps.Keys(s.names)))
		if near == "" && !s.exact && !strings.ContainsFunc(use.name, unicode.IsLower) {
			continue
		}
		rule := &linter.RuleUndefinedVar
		l.run(in, rule, rule.Format(use.name, near), use.text)
	}
}

// asking is an environment that writes down what it does not have.
type asking struct {
	names  map[string]bool
	missed map[string]bool
}

// Get gives a value that is never empty to what is defined.
func (a *asking) Get(name string) (string, bool) {
	if !a.names[name] {
		a.missed[name] = true
		return "", false
	}
	return "x", true
}

// Keys are the names that are defined.
func (a *asking) Keys() []string { return slices.Collect(maps.Keys(a.names)) }
