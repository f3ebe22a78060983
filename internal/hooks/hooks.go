// Package hooks reads definitions of OCI hooks, programs that are run while a
// container is made, and puts those that match into a runtime spec. The format is
// the one that podman and CRI-O read, 1.0.0 and the older 0.1.0.
package hooks

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// hook is one definition.
type hook struct {
	file   string // for messages
	hook   specs.Hook
	stages []string
	when   when
}

// Set is what was read from directories.
type Set struct{ hooks []hook }

// Empty tells whether there is nothing to be run.
func (s Set) Empty() bool { return len(s.hooks) == 0 }

// fileLimit bounds a definition.
const fileLimit = 1 << 20

// Load reads the definitions in directories, those in later ones in place of those
// with the same file name in earlier ones. A directory that is not there is empty.
func Load(dirs []string) (Set, error) {
	files := map[string]string{} // by their own name
	for _, dir := range dirs {
		entries, err := os.ReadDir(dir)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return Set{}, fmt.Errorf("reading hooks: %w", err)
		}
		for _, e := range entries {
			if filepath.Ext(e.Name()) == ".json" {
				files[e.Name()] = filepath.Join(dir, e.Name())
			}
		}
	}
	var s Set
	for name, file := range files {
		h, err := read(file)
		if err != nil {
			return Set{}, fmt.Errorf("reading the hook %q: %w", name, err)
		}
		s.hooks = append(s.hooks, h)
	}
	slices.SortFunc(s.hooks, func(a, b hook) int {
		x, y := filepath.Base(a.file), filepath.Base(b.file)
		return cmp.Or(strings.Compare(strings.ToLower(x), strings.ToLower(y)), strings.Compare(x, y))
	})
	return s, nil
}

func read(file string) (hook, error) {
	f, err := os.Open(file)
	if err != nil {
		return hook{}, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, fileLimit))
	if err != nil {
		return hook{}, err
	}
	h, err := parse(data)
	if err != nil {
		return h, err
	}
	h.file = file
	if _, err := os.Stat(h.hook.Path); err != nil {
		return h, fmt.Errorf("its program: %w", err)
	}
	return h, nil
}

// parse understands a definition of any version.
func parse(data []byte) (hook, error) {
	var v struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(data, &v); err != nil {
		return hook{}, err
	}
	var h hook
	var err error
	switch v.Version {
	case "1.0.0":
		h, err = parseCurrent(data)
	case "", "0.1.0":
		h, err = parseOld(data)
	default:
		return hook{}, fmt.Errorf("version %q is not known: 1.0.0 and 0.1.0 are", v.Version)
	}
	if err != nil {
		return h, err
	}
	return h, h.check()
}

func parseCurrent(data []byte) (hook, error) {
	var d struct {
		Hook specs.Hook `json:"hook"`
		When struct {
			Always        *bool             `json:"always"`
			Annotations   map[string]string `json:"annotations"`
			Commands      []string          `json:"commands"`
			HasBindMounts *bool             `json:"hasBindMounts"`
		} `json:"when"`
		Stages []string `json:"stages"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return hook{}, err
	}
	h := hook{hook: d.Hook, stages: d.Stages, when: when{always: d.When.Always, binds: d.When.HasBindMounts}}
	for key, value := range d.When.Annotations {
		if err := h.when.annotation(key, value); err != nil {
			return h, err
		}
	}
	return h, h.when.command(d.When.Commands)
}

// parseOld reads version 0.1.0, which spells most keys in two ways.
func parseOld(data []byte) (hook, error) {
	var d struct {
		Hook          string   `json:"hook"`
		Arguments     []string `json:"arguments"`
		Stages        []string `json:"stages"`
		Stage         []string `json:"stage"`
		Cmds          []string `json:"cmds"`
		Cmd           []string `json:"cmd"`
		Annotations   []string `json:"annotations"`
		Annotation    []string `json:"annotation"`
		HasBindMounts *bool    `json:"hasbindmounts"`
	}
	if err := json.Unmarshal(data, &d); err != nil {
		return hook{}, err
	}
	for name, both := range map[string][2][]string{
		"stage": {d.Stages, d.Stage}, "cmd": {d.Cmds, d.Cmd}, "annotation": {d.Annotations, d.Annotation},
	} {
		if both[0] != nil && both[1] != nil {
			return hook{}, fmt.Errorf("both %q and %q are given", name, name+"s")
		}
	}
	h := hook{hook: specs.Hook{Path: d.Hook, Args: append([]string{d.Hook}, d.Arguments...)}, stages: append(d.Stages, d.Stage...)}
	h.when = when{binds: d.HasBindMounts, any: true}
	for _, value := range append(d.Annotations, d.Annotation...) {
		if err := h.when.annotation("", value); err != nil {
			return h, err
		}
	}
	return h, h.when.command(append(d.Cmds, d.Cmd...))
}

// check finds what no container could be made with.
func (h *hook) check() error {
	switch {
	case !filepath.IsAbs(h.hook.Path):
		return fmt.Errorf("the path %q of its program is not absolute", h.hook.Path)
	case len(h.stages) == 0:
		return errors.New("it names no stage")
	case h.hook.Timeout != nil && *h.hook.Timeout <= 0:
		return fmt.Errorf("its timeout of %d seconds is not positive", *h.hook.Timeout)
	}
	for _, stage := range h.stages {
		if stage != preCreate && place(&specs.Hooks{}, stage) == nil {
			return fmt.Errorf("stage %q is not known", stage)
		}
	}
	return nil
}

// when says which containers a hook is for. Without any condition it is for none.
type when struct {
	always, binds *bool
	annotations   [][2]*regexp.Regexp
	commands      []*regexp.Regexp
	any           bool // one condition is enough
}

func (w *when) annotation(key, value string) error {
	k, err := regexp.Compile(key)
	if err != nil {
		return err
	}
	v, err := regexp.Compile(value)
	if err != nil {
		return err
	}
	w.annotations = append(w.annotations, [2]*regexp.Regexp{k, v})
	return nil
}

func (w *when) command(list []string) error {
	for _, text := range list {
		c, err := regexp.Compile(text)
		if err != nil {
			return err
		}
		w.commands = append(w.commands, c)
	}
	return nil
}
