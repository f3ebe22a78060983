package transfer

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"

	"github.com/projectatomic/buildah/internal/store"
)

// candidate is one name at a registry that may be meant.
type candidate struct {
	named  reference.Named
	record func() error // remembers the name if the user chose it; nil: there is nothing to remember
}

// shortNames are the answers of this process to what names stand for, so that the
// user is asked once, also when several stages of a build want to know.
type shortNames struct {
	mu    sync.Mutex
	known map[string][]candidate
}

// candidates are the names that a name may stand for: that of the image in the
// store, else what the configuration says about short names.
func (j *pullJob) candidates(ctx context.Context, name string, local *match) ([]candidate, error) {
	if local != nil {
		named, err := reference.ParseNormalizedNamed(local.name)
		return []candidate{{named: named}}, err
	}
	parsed, err := reference.Parse(name)
	if err != nil {
		return nil, err
	}
	if named, ok := parsed.(reference.Named); ok {
		name = withoutTag(named).String()
	}
	s := &j.c.shortNames
	s.mu.Lock() // one question after the other
	defer s.mu.Unlock()
	if list, ok := s.known[name]; ok {
		return list, nil
	}
	list, err := j.resolve(ctx, name)
	if err != nil {
		return nil, err
	}
	if s.known == nil {
		s.known = map[string][]candidate{}
	}
	s.known[name] = list
	return list, nil
}

// ShortNameError is a name without a registry that stands for none.
type ShortNameError struct {
	Name string
	Err  error
}

func (e *ShortNameError) Error() string { return e.Err.Error() }
func (e *ShortNameError) Unwrap() error { return e.Err }

// resolve asks the configuration, and where that leaves it open the user.
func (j *pullJob) resolve(ctx context.Context, name string) ([]candidate, error) {
	var resolved *shortnames.Resolved
	var err error
	ask := func() { resolved, err = shortnames.Resolve(j.sys, name) }
	if j.c.Aside != nil {
		j.c.Aside(ask)
	} else {
		ask()
	}
	if err != nil {
		if strings.Contains(err.Error(), "without a TTY") { // the library has no type for it
			err = fmt.Errorf("%w: write the full name, or set an alias in registries.conf", err)
		}
		return nil, &store.UnknownError{Name: name, Err: &ShortNameError{Name: name, Err: err}}
	}
	if text := resolved.Description(); text != "" {
		j.c.say(ctx, "%s", text)
	}
	list := make([]candidate, len(resolved.PullCandidates))
	for i := range resolved.PullCandidates {
		list[i] = candidate{named: resolved.PullCandidates[i].Value, record: resolved.PullCandidates[i].Record}
	}
	return list, nil
}

// remember keeps what the user chose, now that there was such an image. Who can't
// keep it is asked again the next time.
func (j *pullJob) remember(ctx context.Context, chosen candidate) {
	if chosen.record == nil {
		return
	}
	if err := chosen.record(); err != nil {
		j.c.say(ctx, "The choice of %s is not remembered: %s", chosen.named, oneLine(err))
	}
}
