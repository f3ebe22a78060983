package transfer

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/signature"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/suggest"
)

// PullPolicy is when to ask a registry although an image may be in the store.
type PullPolicy int

// The policies.
const (
	PullMissing PullPolicy = iota // only what is not in the store
	PullAlways                    // always
	PullNever                     // never
	PullNewer                     // when the registry has another image; the store's if it does not answer
)

// ParsePullPolicy reads the words of --pull, in either case.
func ParsePullPolicy(word string) (PullPolicy, error) {
	switch strings.ToLower(word) {
	case "missing", "ifmissing", "notpresent":
		return PullMissing, nil
	case "always", "true":
		return PullAlways, nil
	case "never", "false":
		return PullNever, nil
	case "newer", "ifnewer":
		return PullNewer, nil
	}
	return 0, fmt.Errorf("unrecognized pull policy %q%s: use missing, always, never or newer", word, suggest.Instead(word, "missing", "always", "never", "newer"))
}

// PullOptions adjusts Pull.
type PullOptions struct {
	Registry Registry
	Policy   PullPolicy
	Platform Platform // when set, PullMissing becomes PullNewer
	AllTags  bool     // every tag of the repository
	Unnamed  bool     // an image of a file gets none of the names that the file says
}

// Pulled is an image that is in the store now.
type Pulled struct {
	ID             string
	Name           string        // its name in the store, "" if it has none
	ManifestDigest digest.Digest // of the image, not of a list that led to it
	TransportName  string        // of a source that is no registry: "dir", "oci-archive" ...
	Warnings       []string
}

// Pull makes an image available in the store. The image is a name, short or
// full, an ID, or a transport and its syntax.
func (c *Client) Pull(ctx context.Context, image string, o PullOptions) (Pulled, error) {
	p, err := c.pull(ctx, image, o)
	if err != nil {
		return Pulled{}, inOneLine(fmt.Errorf("pulling %q: %w", image, err))
	}
	return p, nil
}

func (c *Client) pull(ctx context.Context, image string, o PullOptions) (p Pulled, err error) {
	t, rest := splitTransport(image)
	if o.AllTags && t != nil && t.Name() != registryTransport {
		return Pulled{}, fmt.Errorf("all tags can be pulled from a registry only, not from %q", t.Name()+":")
	}
	byPlatform := o.Platform != (Platform{}) && o.Policy == PullMissing
	if byPlatform {
		o.Policy = PullNewer
	}
	sys, err := c.SystemContext(o.Registry, o.Platform)
	if err != nil {
		return Pulled{}, err
	}
	j := &pullJob{c: c, o: o, sys: sys, byPlatform: byPlatform, arrived: &arrivals{}}
	defer j.close()
	temp, remove, err := c.tempDir(ctx)
	if err != nil {
		return Pulled{}, err
	}
	defer remove()
	sys.BigFilesTemporaryDir = temp
	fetch, err := c.Store.BeginFetch()
	if err != nil {
		return Pulled{}, err
	}
	defer func() { err = j.settle(fetch, err) }()
	switch {
	case t == nil:
		return j.byName(ctx, image)
	case t.Name() == registryTransport:
		named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(rest, "//"))
		if err != nil {
			return Pulled{}, err
		}
		return j.byName(ctx, reference.TagNameOnly(withoutTag(named)).String())
	case t.Name() == archiveTransport:
		return j.fromDockerArchive(ctx, t, rest)
	}
	return j.fromElsewhere(ctx, t, rest)
}

// pullJob is one call of Pull.
type pullJob struct {
	c      *Client
	o      PullOptions
	sys    *types.SystemContext
	policy *signature.PolicyContext // made when first needed
	said   string                   // the last name that was announced

	arrived *arrivals // what layers may have been made of

	byPlatform bool // the policy is PullNewer because there is a platform
}

func (j *pullJob) close() {
	if j.policy != nil {
		_ = j.policy.Destroy()
	}
}

// settle ends a fetch. What a failed one has brought goes, once there is no use in
// trying again: until then the layers need not be fetched a second time.
func (j *pullJob) settle(fetch *store.Fetch, failed error) error {
	if failed == nil {
		fetch.End()
		return nil
	}
	if err := fetch.Abandon(j.arrived.all()); err != nil {
		return errors.Join(failed, err)
	}
	return failed
}

// byName pulls a name if the policy asks for it.
func (j *pullJob) byName(ctx context.Context, name string) (Pulled, error) {
	local, err := j.local(name)
	if err != nil {
		return Pulled{}, err
	}
	wanted := j.wanted(local)
	byID := isID(name) || local != nil && local.name == ""
	switch {
	case byID && (j.o.Policy == PullAlways || j.o.AllTags):
		return Pulled{}, errors.New("an image ID names no registry to pull from")
	case local != nil && (!wanted || byID):
		return j.keep(local), nil
	case byID || j.o.Policy == PullNever:
		return Pulled{}, &store.UnknownError{Name: name, Err: fmt.Errorf("it is not in the store: %w", store.ErrImageUnknown)}
	}
	if local == nil {
		if p, done, err := j.fromList(ctx, name); done {
			return p, err
		}
	}
	candidates, err := j.candidates(ctx, name, local)
	if err != nil {
		return Pulled{}, err
	}
	return j.fromCandidates(ctx, candidates, local)
}

// wanted tells whether to ask a registry although there is an image in the store.
func (j *pullJob) wanted(local *match) bool {
	if j.byPlatform && local != nil && strings.HasPrefix(local.name, localhost) {
		return false // no registry has what was made here
	}
	return j.o.Policy == PullAlways || j.o.Policy == PullNewer || j.o.AllTags
}

// local is the image in the store, nil if there is none or a damaged one.
func (j *pullJob) local(name string) (*match, error) {
	m, err := j.c.find(name, LookupOptions{Platform: j.o.Platform})
	if errors.Is(err, store.ErrImageUnknown) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if !j.c.whole(m.img) {
		return nil, nil
	}
	return &m, nil
}

func (j *pullJob) keep(m *match) Pulled {
	p := Pulled{ID: m.img.ID, Name: m.name, ManifestDigest: m.img.Digest}
	if p.Name == "" && len(m.img.Names) > 0 {
		p.Name = m.img.Names[0]
	}
	p.Warnings = j.c.mismatch(p.ID, j.o.Platform)
	return p
}

// keepDespite keeps what is in the store although it may not be the newest. A
// registry that does not answer is what PullNewer is for, an image that may not be
// used is not.
func (j *pullJob) keepDespite(m *match, err error) Pulled {
	p := j.keep(m)
	var refused *PolicyError
	if errors.As(err, &refused) && !j.byPlatform {
		p.Warnings = append(p.Warnings, fmt.Sprintf("using the image of the store: %v", oneLine(refused)))
	}
	return p
}

// fromCandidates takes the first candidate that can be pulled.
func (j *pullJob) fromCandidates(ctx context.Context, list []candidate, local *match) (Pulled, error) {
	var errs candidateErrors
	for _, candidate := range list {
		p, err := j.fromRegistry(ctx, candidate.named, local)
		if err == nil {
			j.remember(ctx, candidate)
			return p, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil || errors.Is(err, errNoPolicy) {
			return Pulled{}, err
		}
	}
	if local != nil && j.o.Policy == PullNewer {
		return j.keepDespite(local, errs), nil
	}
	if len(errs) == 1 {
		return Pulled{}, errs[0]
	}
	return Pulled{}, errs
}

func (j *pullJob) fromRegistry(ctx context.Context, named reference.Named, local *match) (Pulled, error) {
	if j.o.AllTags {
		return j.allTags(ctx, named)
	}
	ref, err := docker.NewReference(reference.TagNameOnly(named))
	if err != nil {
		return Pulled{}, err
	}
	dest, err := istorage.Transport.NewStoreReference(j.c.Store.Raw(), ref.DockerReference(), "")
	if err != nil {
		return Pulled{}, err
	}
	registry := j.o.Registry
	if hostFor(j.sys, ref.DockerReference()) == LocalHost {
		registry.Retries = 0
	}
	var p Pulled
	err = j.c.retry(ctx, registry, func() error {
		p, err = j.fetch(ctx, ref, dest, local)
		return err
	})
	return p, j.c.atRegistry(j.sys, ref.DockerReference(), err)
}

func (j *pullJob) allTags(ctx context.Context, named reference.Named) (first Pulled, err error) {
	ref, err := docker.NewReference(reference.TagNameOnly(reference.TrimNamed(named)))
	if err != nil {
		return first, err
	}
	sys, err := j.c.permit(j.sys, ref)
	if err != nil {
		return first, err
	}
	var tags []string
	err = j.c.retry(ctx, j.o.Registry, func() error {
		tags, err = docker.GetRepositoryTags(ctx, sys, ref)
		return err
	})
	if err != nil {
		err = j.c.atRegistry(j.sys, ref.DockerReference(), err)
		return first, fmt.Errorf("listing the tags of %q: %w", ref.DockerReference().Name(), err)
	}
	if len(tags) == 0 {
		return first, fmt.Errorf("repository %q has no tags", ref.DockerReference().Name())
	}
	each := *j
	each.o.AllTags = false
	defer func() { j.policy = each.policy }()
	for i, tag := range tags {
		tagged, err := reference.WithTag(reference.TrimNamed(named), tag)
		if err != nil {
			return first, err
		}
		p, err := each.fromRegistry(ctx, tagged, nil)
		if err != nil {
			return first, err
		}
		if i == 0 {
			first = p
		}
	}
	return first, nil
}

// fetch copies an image of a registry into the store, unless it is the local one.
func (j *pullJob) fetch(ctx context.Context, ref, dest types.ImageReference, local *match) (Pulled, error) {
	sys, err := j.c.permit(j.sys, ref)
	if err != nil {
		return Pulled{}, err
	}
	name := ref.DockerReference()
	if local == nil || j.o.Policy == PullAlways {
		j.announce(ctx, name)
	}
	src, err := ref.NewImageSource(ctx, sys)
	if err != nil {
		return Pulled{}, err
	}
	opened := &openedReference{ImageReference: ref, src: src}
	defer opened.close()
	data, _, err := src.GetManifest(ctx, nil)
	if err != nil {
		return Pulled{}, err
	}
	d, err := manifest.Digest(data)
	if err != nil {
		return Pulled{}, fmt.Errorf("reading the manifest of %q: %w", name, err)
	}
	if local != nil && j.o.Policy == PullNewer {
		if hasDigest(local.img, d) {
			return j.keep(local), nil
		}
		j.announce(ctx, name)
	}
	unlock, err := j.c.lock(ctx, reference.Domain(name)+"@"+d.String())
	if err != nil {
		return Pulled{}, err
	}
	defer unlock()
	if err := j.readable(ctx, sys, src); err != nil {
		return Pulled{}, err
	}
	return j.copy(ctx, sys, opened, dest)
}

// announce says once what is being tried.
func (j *pullJob) announce(ctx context.Context, named reference.Named) {
	if j.said != named.String() {
		j.said = named.String()
		j.c.say(ctx, "Trying to pull %s...", j.said)
	}
}
