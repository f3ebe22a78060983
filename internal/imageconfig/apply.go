package imageconfig

import (
	"fmt"
	"os"
	"strings"
)

// nop begins the created_by text of an entry without a layer.
const nop = "/bin/sh -c #(nop) "

// applier applies one Change; the first error stops it.
type applier struct {
	Change
	image *Image
	out   Outcome
	err   error
}

// Apply applies c in the fixed order of spec commands.md 3.3. On an error the
// image is unchanged.
func (i *Image) Apply(c Change) (Outcome, error) {
	changed := i.Clone()
	a := &applier{Change: c, image: &changed}
	a.out.CreatedBy, a.out.Comment, a.out.Annotations = c.History.CreatedBy, c.History.Comment, c.Annotations
	text(c.Author, changed.SetAuthor)
	a.platform()
	a.process()
	for _, path := range c.Volumes {
		a.record("VOLUME " + path)
		a.item(path, changed.ClearVolumes, changed.UnsetVolume, changed.SetVolume)
	}
	a.health()
	a.labels()
	if w := c.Process.WorkDir; w.Given {
		a.record("WORKDIR " + w.Value)
		changed.SetWorkDir(w.Value)
	}
	a.names()
	if a.err != nil {
		return Outcome{}, a.err
	}
	*i = changed
	return a.out, nil
}

func text(t Text, set func(string)) {
	if t.Given {
		set(t.Value)
	}
}

func (a *applier) record(text string) {
	if a.History.Record {
		a.out.History = append(a.out.History, nop+text)
	}
}

func (a *applier) warn(format string, args ...any) {
	a.out.Warnings = append(a.out.Warnings, fmt.Sprintf(format, args...))
}

func (a *applier) fail(err error) {
	if a.err == nil {
		a.err = err
	}
}

// dropped warns about a setting that the OCI format lacks; detail may be empty.
func (a *applier) dropped(what, detail string) {
	if a.Format.OrDefault() == FormatOCI {
		a.warn("%s is not supported for OCI image format%s will be ignored. Must use `docker` format", what, detail)
	}
}

// item sets, removes or clears by the form of text.
func (a *applier) item(text string, clearAll func(), unset, set func(string)) {
	switch key, all, remove := removal(text); {
	case all:
		clearAll()
	case remove:
		unset(key)
	default:
		set(text)
	}
}

func (a *applier) platform() {
	c, p := a.Platform, a.image.Platform()
	for _, t := range []struct {
		Text
		field *string
	}{{c.Arch, &p.Arch}, {c.Variant, &p.Variant}, {c.OS, &p.OS}, {c.OSVersion, &p.OSVersion}} {
		text(t.Text, func(v string) { *t.field = v })
	}
	a.image.SetPlatform(p)
	for _, f := range c.OSFeatures {
		a.item(f, a.image.ClearOSFeatures, a.image.UnsetOSFeature, a.image.SetOSFeature)
	}
}

func (a *applier) process() {
	c := a.Process
	if c.User.Given {
		a.record("USER " + c.User.Value)
		a.image.SetUser(c.User.Value)
	}
	if c.Shell.Given {
		words, err := ShellSplit(c.Shell.Value)
		if err != nil {
			a.fail(fmt.Errorf("setting the shell: %w", err))
		}
		a.record("SHELL " + c.Shell.Value)
		a.dropped("SHELL", fmt.Sprintf(", %s", words))
		a.image.SetShell(words)
	}
	if c.StopSignal.Given {
		a.record("STOPSIGNAL " + c.StopSignal.Value)
		a.image.SetStopSignal(c.StopSignal.Value)
	}
	a.ports()
	a.env()
	a.entrypoint()
	if c.Cmd.Given {
		words, err := ParseCommand(c.Cmd.Value)
		if err != nil {
			a.fail(fmt.Errorf("setting the command: %w", err))
		}
		a.doubtful("cmd", c.Cmd.Value, "split into words")
		a.record("CMD " + c.Cmd.Value)
		a.image.SetCmd(words)
	}
}

func (a *applier) entrypoint() {
	c := a.Process
	if !c.Entrypoint.Given {
		return
	}
	words := ParseEntrypoint(c.Entrypoint.Value)
	if cmd := a.image.OCI.Config.Cmd; len(words) > 0 && len(cmd) > 0 && !c.Cmd.Given {
		a.warn("cmd %q exists and will be passed to entrypoint as a parameter", strings.Join(cmd, " "))
	}
	a.doubtful("entrypoint", c.Entrypoint.Value, "run by /bin/sh -c")
	a.record("ENTRYPOINT " + c.Entrypoint.Value)
	a.image.SetEntrypoint(words)
}

// doubtful warns about a line that was meant as an array. "[ " begins a test of the shell.
func (a *applier) doubtful(what, line, instead string) {
	if _, ok := jsonWords(line); !ok && strings.HasPrefix(line, "[") && !strings.HasPrefix(line, "[ ") {
		a.warn("%s %q is no JSON array of strings, so it is %s", what, line, instead)
	}
}

func (a *applier) ports() {
	if len(a.Ports) == 0 {
		return
	}
	a.record("EXPOSE " + strings.Join(a.Ports, " "))
	for _, port := range a.Ports {
		if strings.HasPrefix(port, "-") {
			port = "-"
		}
		a.item(port, a.image.ClearPorts, a.image.UnsetPort, a.image.SetPort)
	}
}

func (a *applier) env() {
	list := a.Process.Env
	if len(list) == 0 {
		return
	}
	a.record("ENV " + strings.Join(list, " "))
	for _, item := range list {
		if name, value, ok := strings.Cut(item, "="); ok {
			a.setEnv(name, a.expand(value))
			continue
		}
		a.item(item, a.image.ClearEnv, a.image.UnsetEnv, a.copyEnv)
	}
}

func (a *applier) setEnv(name, value string) {
	if name == "" {
		a.fail(fmt.Errorf("setting an environment variable: %q has no name", "="+value))
		return
	}
	a.image.SetEnv(name, value)
}

// copyEnv takes a variable over from the calling process.
func (a *applier) copyEnv(name string) {
	var value string
	if a.Lookup != nil {
		value, _ = a.Lookup(name)
	}
	if value == "" {
		a.fail(fmt.Errorf("setting environment variable %q: no value given, and none in the environment of this process", name))
		return
	}
	a.setEnv(name, value)
}

// expand replaces variables by those of the image. An unknown name stands for
// itself, and "$$" for a dollar sign.
func (a *applier) expand(value string) string {
	return os.Expand(value, func(name string) string {
		if name == "$" {
			return name
		}
		if v, ok := a.image.Env(name); ok {
			return v
		}
		a.warn("expanding variable %q: no value set in configuration", name)
		return name
	})
}

func (a *applier) labels() {
	c := a.Labels
	if len(c.Set) > 0 {
		a.record("LABEL " + strings.Join(c.Set, " "))
		c.edit(a.image.ClearLabels, a.image.UnsetLabel, a.image.SetLabel)
	}
	for _, key := range c.Unset {
		a.image.UnsetLabel(key)
	}
}

// names sets what only the Docker format has besides the health check.
func (a *applier) names() {
	if c := a.Comment; c.Given {
		a.dropped("COMMENT", ", comment "+c.Value)
		a.image.SetComment(c.Value)
	}
	if c := a.Domainname; c.Given {
		a.dropped("DOMAINNAME", ", domainname "+c.Value)
		a.image.SetDomainname(c.Value)
	}
	if c := a.Hostname; c.Given {
		a.dropped("HOSTNAME", ", hostname "+c.Value)
		a.image.SetHostname(c.Value)
	}
	for _, instruction := range a.OnBuild {
		a.record("ONBUILD " + instruction)
		a.dropped("ONBUILD", ", "+instruction)
		a.image.AddOnBuild(instruction)
	}
}
