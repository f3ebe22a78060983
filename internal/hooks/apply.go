package hooks

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// preCreate is the stage of hooks that we run ourselves, to change the spec.
const preCreate = "precreate"

// place is the list of a stage, nil if there is no such stage. A prestart hook runs
// as createRuntime, which took its place.
func place(h *specs.Hooks, stage string) *[]specs.Hook {
	switch stage {
	case "prestart", "createRuntime":
		return &h.CreateRuntime
	case "createContainer":
		return &h.CreateContainer
	case "startContainer":
		return &h.StartContainer
	case "poststart":
		return &h.Poststart
	case "poststop":
		return &h.Poststop
	}
	return nil
}

// Apply puts the hooks that match into a spec, then runs those that may change it,
// and gives the result. binds tells whether the user asked for bind mounts.
func (s Set) Apply(ctx context.Context, spec *specs.Spec, binds bool) (*specs.Spec, error) {
	var ours []hook
	for _, h := range s.hooks {
		matches, err := h.when.match(spec, binds)
		if err != nil {
			return nil, fmt.Errorf("matching the hook %q: %w", h.file, err)
		}
		if !matches {
			continue
		}
		for _, stage := range h.stages {
			if stage == preCreate {
				ours = append(ours, h)
				continue
			}
			if spec.Hooks == nil {
				spec.Hooks = &specs.Hooks{}
			}
			list := place(spec.Hooks, stage)
			*list = append(*list, h.hook)
		}
	}
	for _, h := range ours {
		changed, err := h.run(ctx, spec)
		if err != nil {
			return nil, fmt.Errorf("running the hook %q: %w", h.file, err)
		}
		spec = changed
	}
	return spec, nil
}

// match tells whether a container is one of those that a hook is for.
func (w *when) match(spec *specs.Spec, binds bool) (bool, error) {
	var results []bool
	if w.always != nil {
		results = append(results, *w.always)
	}
	if w.binds != nil {
		results = append(results, *w.binds && binds)
	}
	for _, pair := range w.annotations {
		results = append(results, annotated(spec, pair))
	}
	if len(w.commands) > 0 {
		if spec.Process == nil || len(spec.Process.Args) == 0 {
			return false, fmt.Errorf("the container has no command")
		}
		results = append(results, slices.ContainsFunc(w.commands, func(c *regexp.Regexp) bool {
			return c.MatchString(spec.Process.Args[0])
		}))
	}
	if w.any {
		return slices.Contains(results, true), nil
	}
	return len(results) > 0 && !slices.Contains(results, false), nil
}

func annotated(spec *specs.Spec, pair [2]*regexp.Regexp) bool {
	for key, value := range spec.Annotations {
		if pair[0].MatchString(key) && pair[1].MatchString(value) {
			return true
		}
	}
	return false
}

// run lets the hook's program change the spec.
func (h *hook) run(ctx context.Context, spec *specs.Spec) (*specs.Spec, error) {
	data, err := json.Marshal(spec)
	if err != nil {
		return nil, err
	}
	if h.hook.Timeout != nil {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(*h.hook.Timeout)*time.Second)
		defer cancel()
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, h.hook.Path)
	if len(h.hook.Args) > 0 {
		cmd.Args = h.hook.Args
	}
	cmd.Env = append([]string{}, h.hook.Env...) // not the caller's
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(data), &out, &errs
	cmd.WaitDelay = time.Second
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return nil, fmt.Errorf("%w%s", err, lastWords(errs.String()))
	}
	var changed specs.Spec
	if err := json.Unmarshal(out.Bytes(), &changed); err != nil {
		return nil, fmt.Errorf("what it wrote is no configuration: %w", err)
	}
	if changed.Process == nil || changed.Root == nil || changed.Linux == nil || len(changed.Process.Args) == 0 {
		return nil, fmt.Errorf("what it wrote is no configuration: process, root or linux are missing")
	}
	return &changed, nil
}

// lastWords is the last line that a program wrote.
func lastWords(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if last := lines[len(lines)-1]; last != "" {
		return ": " + last
	}
	return ""
}
