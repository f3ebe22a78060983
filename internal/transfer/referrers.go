package transfer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// A manifest may be about another one, its subject. Whoever has the subject finds it by
// asking the registry, or, at one that cannot be asked, in an index under a tag that is
// made of the digest of the subject: the specification of distribution lets those who
// push maintain that tag.

const (
	// referrerAttempts bounds how often an index is written that others write as well.
	referrerAttempts = 8
	// referrerPause bounds how long an attempt keeps away from those of others; it
	// doubles.
	referrerPause = 20 * time.Millisecond
)

// referrer is a manifest that was pushed and is about another one.
type referrer struct {
	subject digest.Digest
	entry   imgspec.Descriptor // as the index of what is about the subject has it
}

// referrerOf reads what a manifest is about; false if it is about nothing.
func referrerOf(data []byte) (referrer, bool, error) {
	mediaType := manifest.GuessMIMEType(data)
	if mediaType != imgspec.MediaTypeImageManifest && mediaType != imgspec.MediaTypeImageIndex {
		return referrer{}, false, nil
	}
	var m struct { // what image manifests and indexes have in common, and a configuration
		ArtifactType string              `json:"artifactType"`
		Config       imgspec.Descriptor  `json:"config"`
		Subject      *imgspec.Descriptor `json:"subject"`
		Annotations  map[string]string   `json:"annotations"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return referrer{}, false, fmt.Errorf("reading what the manifest is about: %w", err)
	}
	if m.Subject == nil {
		return referrer{}, false, nil
	}
	if err := m.Subject.Digest.Validate(); err != nil {
		return referrer{}, false, fmt.Errorf("reading the subject %q of the manifest: %w", m.Subject.Digest, err)
	}
	r := referrer{subject: m.Subject.Digest, entry: imgspec.Descriptor{
		MediaType: mediaType, Digest: digest.FromBytes(data), Size: int64(len(data)), ArtifactType: m.ArtifactType, Annotations: m.Annotations,
	}}
	if r.entry.ArtifactType == "" && mediaType == imgspec.MediaTypeImageManifest {
		r.entry.ArtifactType = m.Config.MediaType
	}
	return r, true, nil
}

// referrersTag is the tag under which an index of what is about a manifest lies.
func referrersTag(subject digest.Digest) string {
	algorithm, hex := subject.Algorithm().String(), subject.Encoded()
	return algorithm[:min(len(algorithm), 32)] + "-" + hex[:min(len(hex), 64)]
}

// withReferrer adds an entry to an index; there may be none yet. nil means that the
// index has it. What others have written is kept, known or not.
func withReferrer(index []byte, entry imgspec.Descriptor) ([]byte, error) {
	all := map[string]json.RawMessage{"schemaVersion": json.RawMessage("2")}
	var entries []json.RawMessage
	if index != nil {
		if err := json.Unmarshal(index, &all); err != nil {
			return nil, err
		}
		if all == nil {
			return nil, errors.New("it is empty")
		}
		if list := all["manifests"]; list != nil {
			if err := json.Unmarshal(list, &entries); err != nil {
				return nil, err
			}
		}
	}
	for _, e := range entries {
		var there struct {
			Digest digest.Digest `json:"digest"`
		}
		if err := json.Unmarshal(e, &there); err != nil {
			return nil, err
		}
		if there.Digest == entry.Digest {
			return nil, nil
		}
	}
	one, err := json.Marshal(entry)
	if err != nil {
		return nil, err
	}
	if all["manifests"], err = json.Marshal(append(entries, one)); err != nil {
		return nil, err
	}
	if all["mediaType"], err = json.Marshal(imgspec.MediaTypeImageIndex); err != nil {
		return nil, err
	}
	return json.Marshal(all)
}

// enterReferrers makes what was pushed known to those who have what it is about.
func (j *pushJob) enterReferrers(ctx context.Context, pushed Pushed) error {
	if j.dest.Transport().Name() != registryTransport {
		return nil
	}
	own, about, err := referrerOf(pushed.Manifest)
	list, isList := j.src.(listReference)
	isList = isList && list.subjects.Load()
	if err != nil || !about && !isList {
		return err
	}
	at := &referrers{c: j.c, repo: reference.TrimNamed(j.dest.DockerReference())}
	if at.sys, err = j.c.directly(j.opts.DestinationCtx, at.repo); err != nil {
		return err
	}
	var all []referrer
	if isList {
		err = j.c.retry(ctx, j.o.Registry, func() error {
			all, err = at.members(ctx, pushed)
			return err
		})
		if err != nil {
			return err
		}
	}
	if about {
		all = append(all, own)
	}
	if len(all) == 0 || at.known(ctx, all[0].subject) {
		return nil
	}
	for _, r := range all {
		j.c.say(ctx, "Listing %s under %s:%s, what is about %s", r.entry.Digest, at.repo.Name(), referrersTag(r.subject), r.subject)
		if err := j.c.retry(ctx, j.o.Registry, func() error { return at.enter(ctx, r) }); err != nil {
			return fmt.Errorf("listing %q under the tag %q, which tells what is about %q: %w", r.entry.Digest, referrersTag(r.subject), r.subject, err)
		}
	}
	return nil
}

// referrers is a repository as what its manifests are about.
type referrers struct {
	c    *Client
	sys  *types.SystemContext
	repo reference.Named
}

// directly is a context for reading from where is written: with no mirror, and at no
// other place that registries.conf has for reading. What else it says stays.
func (c *Client) directly(sys *types.SystemContext, repo reference.Named) (*types.SystemContext, error) {
	direct := *sys
	conf, err := sysregistriesv2.FindRegistry(sys, repo.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the registries configuration: %w", err)
	}
	if conf != nil && direct.DockerInsecureSkipTLSVerify == types.OptionalBoolUndefined {
		direct.DockerInsecureSkipTLSVerify = types.NewOptionalBool(conf.Insecure)
	}
	if direct.DockerAuthConfig == nil {
		found, err := c.stored(sys, repo.Name())
		if err != nil {
			return nil, fmt.Errorf("reading the credentials for %q: %w", repo.Name(), inOneLine(err))
		}
		if found != (types.DockerAuthConfig{}) {
			direct.DockerAuthConfig = &found
		}
	}
	direct.SystemRegistriesConfPath, direct.SystemRegistriesConfDirPath = os.DevNull, noConfDir
	return &direct, nil
}

// noConfDir is a directory that cannot be made.
const noConfDir = "/proc/none"

// members reads which members of a list that was pushed are about something.
func (at *referrers) members(ctx context.Context, list Pushed) (found []referrer, err error) {
	parsed, err := manifest.ListFromBlob(list.Manifest, manifest.GuessMIMEType(list.Manifest))
	if err != nil {
		return nil, fmt.Errorf("reading the list of images: %w", err)
	}
	exact, err := reference.WithDigest(at.repo, list.ManifestDigest)
	if err != nil {
		return nil, err
	}
	src, err := at.open(ctx, exact)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	for _, d := range parsed.Instances() {
		data, _, err := src.GetManifest(ctx, &d)
		if err != nil {
			return nil, fmt.Errorf("reading member %q: %w", d, err)
		}
		r, about, err := referrerOf(data)
		if err != nil {
			return nil, fmt.Errorf("member %q: %w", d, err)
		}
		if about {
			found = append(found, r)
		}
	}
	return found, nil
}

func (at *referrers) open(ctx context.Context, named reference.Named) (types.ImageSource, error) {
	ref, err := docker.NewReference(named)
	if err != nil {
		return nil, err
	}
	return ref.NewImageSource(ctx, at.sys)
}

// enter writes the index until it has the entry: others may write it at the same time,
// and the last one wins.
func (at *referrers) enter(ctx context.Context, r referrer) error {
	tag, err := reference.WithTag(at.repo, referrersTag(r.subject))
	if err != nil {
		return err
	}
	unlock, err := at.c.lock(ctx, "referrers "+tag.String())
	if err != nil {
		return err
	}
	defer unlock()
	for attempt := range referrerAttempts {
		if attempt > 1 { // it was written, and that of somebody else has replaced it
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(rand.N(referrerPause << attempt)):
			}
		}
		index, err := at.read(ctx, tag)
		if err != nil {
			return err
		}
		with, err := withReferrer(index, r.entry)
		if err != nil {
			return fmt.Errorf("reading the index: %w", err)
		}
		if with == nil {
			return nil
		}
		if err := at.write(ctx, tag, with); err != nil {
			return err
		}
	}
	return fmt.Errorf("others have replaced it %d times: push again", referrerAttempts)
}

// read gives the index; nil if there is none.
func (at *referrers) read(ctx context.Context, tag reference.Named) (index []byte, err error) {
	src, err := at.open(ctx, tag)
	if err != nil {
		if errors.Is(missing(err), ErrNoArtifact) {
			return nil, nil
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, src.Close()) }()
	data, mediaType, err := src.GetManifest(ctx, nil)
	if err != nil {
		return nil, err
	}
	if mediaType != imgspec.MediaTypeImageIndex {
		return nil, fmt.Errorf("%q is there, no index: remove or rename what has the tag", mediaType)
	}
	return data, nil
}

func (at *referrers) write(ctx context.Context, tag reference.Named, index []byte) error {
	if len(index) > manifestLimit {
		return manifestSizeError(len(index))
	}
	ref, err := docker.NewReference(tag)
	if err != nil {
		return err
	}
	dest, err := ref.NewImageDestination(ctx, at.sys)
	if err != nil {
		return err
	}
	return errors.Join(dest.PutManifest(ctx, index, nil), dest.Close())
}
