package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/projectatomic/buildah/imagebuildah"
)

// reuseFlags say what of the cache is used, and tell why it was not.
type reuseFlags struct {
	explain string // "", "text" or "json"
	renew   []string
	ttl     time.Duration
	expires bool // --cache-ttl was given

	mu    sync.Mutex
	steps []imagebuildah.Explanation
}

func (f *reuseFlags) options() []*option {
	return []*option{
		newOption("cache-ttl", "DURATION", "use only results that are not older than DURATION", func(s string) (err error) {
			if f.ttl, err = time.ParseDuration(s); err == nil && f.ttl < 0 {
				err = errors.New("it is below zero")
			}
			f.expires = true
			return err
		}),
		newOption("explain", "FORMAT", "say for each step what the cache did, and why: as text or json", func(s string) error {
			if s != "text" && s != "json" {
				return errors.New("use text or json")
			}
			f.explain = s
			return nil
		}).alone("text"),
		listOption("no-cache-filter", "STAGE", &f.renew, "carry out the steps of STAGE anew"),
	}
}

// check finds flags that contradict others.
func (f *reuseFlags) check(b *buildFlags) error {
	switch {
	case f.expires && f.ttl == 0 && b.caching.asked.noCache && !b.caching.noCache:
		return usageError{text: "cannot use --cache-ttl with duration as 0 and --no-cache=false"}
	case f.explain != "" && !b.caching.layers:
		return usageError{text: "--explain is about the cache, which is used only with --layers", hint: "add --layers"}
	case f.explain == "text" && b.result.quiet:
		return usageError{text: "--explain shows its text with the steps, which --quiet leaves out", hint: "use --explain=json, or leave --quiet out"}
	}
	return nil
}

// settle fills the options of the interpreter.
func (f *reuseFlags) settle(o *imagebuildah.Options) {
	o.Cache = imagebuildah.CacheOptions{Renew: f.renew, TTL: f.ttl}
	if f.expires && f.ttl == 0 {
		logrus.Debug("Setting --no-cache=true to use --cache-ttl=0")
		o.NoCache = true
	}
	if f.explain != "" {
		o.Output.Explained = f.explained
	}
}

// explained takes what several stages may tell at once.
func (f *reuseFlags) explained(e imagebuildah.Explanation) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.steps = append(f.steps, e)
}

// explanation is what --explain=json writes.
type explanation struct {
	Version int                        `json:"version"`
	Steps   []imagebuildah.Explanation `json:"steps"`
}

// tell writes all explanations as one line of JSON, sorted by platform and as the
// steps stand in the Dockerfile.
func (f *reuseFlags) tell(w io.Writer) error {
	if f.explain != "json" {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	var platforms []string
	for _, e := range f.steps {
		if !slices.Contains(platforms, e.Platform) {
			platforms = append(platforms, e.Platform)
		}
	}
	all := explanation{Version: 1, Steps: []imagebuildah.Explanation{}}
	slices.Sort(platforms)
	for _, p := range platforms {
		of := slices.DeleteFunc(slices.Clone(f.steps), func(e imagebuildah.Explanation) bool { return e.Platform != p })
		slices.SortStableFunc(of, imagebuildah.Explanation.Compare)
		all.Steps = append(all.Steps, of...)
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("writing the explanation: %w", err)
	}
	return nil
}
