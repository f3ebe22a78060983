package imageconfig

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/openshift/imagebuilder/signal"
)

// Instructions applies Dockerfile instructions that only change the
// configuration, in order. On an error the image is unchanged.
func (i *Image) Instructions(lines []string) error {
	changed := i.Clone()
	t := instructor{image: &changed, below: &Image{}}
	for _, line := range lines {
		if err := t.line(line); err != nil {
			return fmt.Errorf("applying %q: %w", line, err)
		}
	}
	*i = changed
	return nil
}

// instructor applies instructions to image. What image does not say is looked up
// in below: variables to expand, the directory that WORKDIR starts from, the shell.
type instructor struct {
	image, below *Image
	cmdSet       bool // by an earlier line, so ENTRYPOINT leaves it alone
	entrySet     bool
}

func (t *instructor) line(line string) error {
	nodes, err := parseLines(line)
	if err != nil {
		return err
	}
	for _, node := range nodes {
		typed, err := instructions.ParseInstruction(node)
		if err != nil {
			return err
		}
		if err := t.expand(typed); err != nil {
			return err
		}
		if err := t.apply(typed); err != nil {
			return err
		}
	}
	return nil
}

// parseLines gives the instructions in text, which has at least one.
func parseLines(text string) ([]*parser.Node, error) {
	if len(text) > Limit {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(text), Limit)
	}
	result, err := parser.Parse(strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	if len(result.AST.Children) == 0 {
		return nil, errors.New("there is no instruction in it")
	}
	return result.AST.Children, nil
}

// env is what variables in instructions expand to.
func (t *instructor) env() []string {
	return slices.Concat(t.below.OCI.Config.Env, t.image.OCI.Config.Env)
}

func (t *instructor) expand(typed any) error {
	lex, env := shell.NewLex('\\'), shell.EnvsFromSlice(t.env())
	if e, ok := typed.(*instructions.ExposeCommand); ok {
		var ports []string
		for _, word := range e.Ports {
			words, err := lex.ProcessWords(word, env)
			if err != nil {
				return err
			}
			ports = append(ports, words...)
		}
		e.Ports = ports
		return nil
	}
	e, ok := typed.(instructions.SupportsSingleWordExpansion)
	if !ok {
		return nil
	}
	return e.Expand(func(word string) (string, error) {
		expanded, _, err := lex.ProcessWord(word, env)
		return expanded, err
	})
}

// apply dispatches what takes a line; the rest has methods.
func (t *instructor) apply(typed any) error {
	i := t.image
	switch c := typed.(type) {
	case *instructions.EnvCommand:
		for _, kv := range c.Env {
			i.replaceEnv(kv.Key, kv.Value)
		}
	case *instructions.LabelCommand:
		for _, kv := range c.Labels {
			i.SetLabel(kv.Key, kv.Value)
		}
	case *instructions.MaintainerCommand:
		i.SetAuthor(c.Maintainer)
	case *instructions.CmdCommand:
		i.SetCmd(t.words(c.ShellDependantCmdLine))
		t.cmdSet = true
	case *instructions.EntrypointCommand:
		i.SetEntrypoint(t.words(c.ShellDependantCmdLine))
		t.entrySet = true
		if !t.cmdSet {
			i.SetCmd(nil)
		}
	case *instructions.ShellCommand:
		i.SetShell(c.Shell)
	default:
		return t.applyMore(typed)
	}
	return nil
}

func (t *instructor) applyMore(typed any) error {
	i := t.image
	switch c := typed.(type) {
	case *instructions.ExposeCommand:
		for _, port := range c.Ports {
			if !strings.Contains(port, "/") {
				port += "/tcp"
			}
			i.SetPort(port)
		}
	case *instructions.VolumeCommand:
		for _, p := range c.Volumes {
			i.SetVolume(p)
		}
	case *instructions.UserCommand:
		i.SetUser(c.User)
	case *instructions.WorkdirCommand:
		i.SetWorkDir(t.workDir(c.Path))
	case *instructions.StopSignalCommand:
		if err := signal.CheckSignal(c.Signal); err != nil {
			return err
		}
		i.SetStopSignal(c.Signal)
	case *instructions.HealthCheckCommand:
		h := c.Health
		i.SetHealthcheck(&HealthConfig{
			Test: h.Test, Interval: h.Interval, Timeout: h.Timeout, StartPeriod: h.StartPeriod, StartInterval: h.StartInterval, Retries: h.Retries,
		})
	case *instructions.OnbuildCommand:
		i.AddOnBuild(c.Expression)
	default:
		return errors.New("this instruction does not change the configuration of an image: use ENV, LABEL, MAINTAINER, CMD, ENTRYPOINT, SHELL, EXPOSE, VOLUME, USER, WORKDIR, STOPSIGNAL, HEALTHCHECK or ONBUILD")
	}
	return nil
}

// words gives the argument list of CMD and ENTRYPOINT; an empty one is none.
func (t *instructor) words(c instructions.ShellDependantCmdLine) []string {
	if len(c.CmdLine) == 0 {
		return nil
	}
	if !c.PrependShell || len(t.image.Docker.Config.Shell) > 0 {
		return t.image.ShellCommand(c.CmdLine, !c.PrependShell)
	}
	return t.below.ShellCommand(c.CmdLine, false)
}

// workDir resolves the operand of WORKDIR.
func (t *instructor) workDir(to string) string {
	if to == "" || path.IsAbs(to) {
		if to == "/" {
			return to
		}
		return strings.TrimSuffix(to, "/")
	}
	from := t.image.OCI.Config.WorkingDir
	if from == "" {
		from = t.below.OCI.Config.WorkingDir
	}
	return path.Join("/", from, to)
}

// replaceEnv sets a variable where it stands, as Dockerfiles do.
func (i *Image) replaceEnv(name, value string) {
	list := slices.Clone(i.OCI.Config.Env)
	at := slices.IndexFunc(list, func(item string) bool { key, _ := KeyValue(item); return key == name })
	if at < 0 {
		list = append(list, name+"="+value)
	} else {
		list[at] = name + "=" + value
	}
	i.setEnv(list)
}

// Trigger is an ONBUILD instruction, taken apart for the verbs.
type Trigger struct {
	Verb  string   // upper case: "RUN", "COPY", ...
	Args  []string // of a shell form: one text
	JSON  bool     // Args came as a JSON array
	Flags []string // "--name=value"
}

// ParseTrigger takes an ONBUILD instruction apart. Nothing is expanded.
func ParseTrigger(text string) (Trigger, error) {
	nodes, err := parseLines(text)
	if err != nil {
		return Trigger{}, fmt.Errorf("parsing %q: %w", text, err)
	}
	if len(nodes) != 1 {
		return Trigger{}, fmt.Errorf("parsing %q: there is more than one instruction in it", text)
	}
	node := nodes[0]
	t := Trigger{Verb: strings.ToUpper(node.Value), JSON: node.Attributes["json"], Flags: node.Flags}
	if len(node.Heredocs) > 0 {
		return t, fmt.Errorf("parsing %q: a here-document needs `build`", text)
	}
	switch t.Verb {
	case "ONBUILD", "FROM", "MAINTAINER":
		return t, fmt.Errorf("parsing %q: %s isn't allowed as an ONBUILD trigger", text, t.Verb)
	}
	for arg := node.Next; arg != nil; arg = arg.Next {
		t.Args = append(t.Args, arg.Value)
	}
	return t, nil
}

// Expand replaces variables in the arguments and flags of ADD and COPY by those of
// env ("k=v"); other triggers expand their own.
func (t Trigger) Expand(env []string) (Trigger, error) {
	if t.Verb != "ADD" && t.Verb != "COPY" {
		return t, nil
	}
	lex, values := shell.NewLex('\\'), shell.EnvsFromSlice(env)
	t.Args, t.Flags = slices.Clone(t.Args), slices.Clone(t.Flags)
	for _, list := range [][]string{t.Args, t.Flags} {
		for n, word := range list {
			expanded, _, err := lex.ProcessWord(word, values)
			if err != nil {
				return t, fmt.Errorf("expanding %q: %w", word, err)
			}
			list[n] = expanded
		}
	}
	return t, nil
}
