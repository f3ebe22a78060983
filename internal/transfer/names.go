package transfer

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/shortnames"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/transports"

	// Every transport registers itself; together they cost well under a millisecond.
	_ "go.podman.io/image/v5/transports/alltransports"
	"go.podman.io/image/v5/types"
)

// The transports that are treated in a way of their own.
const (
	registryTransport = "docker"
	storeTransport    = "containers-storage"
	archiveTransport  = "docker-archive"
)

// splitTransport takes a known transport off the front. nil means that text is a
// name. "docker:tag" is a name: the image called docker.
func splitTransport(text string) (t types.ImageTransport, rest string) {
	prefix, rest, found := strings.Cut(text, ":")
	if !found {
		return nil, text
	}
	t = transports.Get(prefix)
	if t == nil || t.Name() == registryTransport && !strings.HasPrefix(rest, "//") {
		return nil, text
	}
	return t, rest
}

// parse reads the part after the transport. Names in the store mean ours,
// whatever storage.conf says, unless another one is spelled out in brackets.
func (c *Client) parse(t types.ImageTransport, rest string) (types.ImageReference, error) {
	err := errors.Join(gone(t), c.reachable(t))
	if err != nil {
		return nil, err
	}
	var ref types.ImageReference
	if t.Name() == storeTransport && !strings.HasPrefix(rest, "[") {
		ref, err = istorage.Transport.ParseStoreReference(c.Store.Raw(), rest)
	} else {
		ref, err = t.ParseReference(rest)
	}
	if err != nil {
		return nil, fmt.Errorf("parsing %q: %w", t.Name()+":"+rest, err)
	}
	return ref, nil
}

// Destination is where an image is to be written.
type Destination struct {
	Transport string // "docker", "oci", ...; "containers-storage" for the store
	Name      string // in the store: the name it shall get
	Store     bool   // it is the store of the client
}

// ParseDestination reads the destination of a commit: a transport and its
// syntax, else a name for an image in the store.
func (c *Client) ParseDestination(text string) (Destination, error) {
	t, rest := splitTransport(text)
	switch {
	case t == nil:
		name, err := c.NormalizeNew(text)
		return Destination{Transport: storeTransport, Name: name, Store: true}, err
	case t.Name() == storeTransport && !strings.HasPrefix(rest, "["):
		ref, err := c.parse(t, rest)
		if err != nil {
			return Destination{}, err
		}
		if ref.DockerReference() == nil {
			return Destination{}, fmt.Errorf("parsing the destination %q: it names no image", text)
		}
		return Destination{Transport: storeTransport, Name: ref.DockerReference().String(), Store: true}, nil
	}
	err := writable(t)
	if err == nil {
		_, err = c.parse(t, rest)
	}
	return Destination{Transport: t.Name()}, err
}

// NormalizeNew gives the full name of an image that is to be made: the alias of
// a short name if there is one, else localhost/NAME; the tag is "latest" if none
// is given.
func (c *Client) NormalizeNew(name string) (string, error) {
	named, short, err := parseNew(name)
	if err != nil || !short {
		return str(named), err
	}
	sys, err := c.SystemContext(Registry{}, Platform{})
	if err != nil {
		return "", err
	}
	alias, _, err := sysregistriesv2.ResolveShortNameAlias(sys, strings.TrimPrefix(named.Name(), localhost))
	if err != nil {
		return "", fmt.Errorf("looking up the short name %q: %w", name, err)
	}
	if alias == nil {
		return named.String(), nil
	}
	tagged, ok := named.(reference.Tagged)
	if !ok {
		return str(reference.TagNameOnly(alias)), nil
	}
	full, err := reference.WithTag(alias, tagged.Tag())
	return str(full), err
}

// NormalizeTag gives the full name for another tag of an image: as NormalizeNew,
// but aliases do not apply.
func (c *Client) NormalizeTag(name string) (string, error) {
	named, _, err := parseNew(name)
	return str(named), err
}

const localhost = "localhost/"

// parseNew parses a name to be given to an image; a short one goes to localhost.
func parseNew(name string) (named reference.Named, short bool, err error) {
	text := strings.TrimPrefix(name, storeTransport+":")
	if t, _ := splitTransport(text); t != nil {
		return nil, false, fmt.Errorf("naming an image %q: only names are possible here, without a transport", name)
	}
	if fullID.MatchString(text) {
		return nil, false, fmt.Errorf("naming an image %q: this is the form of an image ID", name)
	}
	if short = shortnames.IsShortName(text); short {
		text = localhost + text
	}
	named, err = reference.ParseNormalizedNamed(text)
	if err != nil {
		return nil, false, fmt.Errorf("naming an image %q: %w", name, err)
	}
	if _, ok := named.(reference.Digested); ok {
		return nil, false, fmt.Errorf("naming an image %q: %w", name, errNewDigest)
	}
	return reference.TagNameOnly(named), short, nil
}

var (
	fullID   = regexp.MustCompile(`^[0-9a-f]{64}$`)
	shortHex = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

	errNewDigest = errors.New("a new name cannot have a digest")
)

func str(named reference.Named) string {
	if named == nil {
		return ""
	}
	return named.String()
}

// withoutTag drops the tag of "name:tag@digest": the digest decides.
func withoutTag(named reference.Named) reference.Named {
	digested, ok := named.(reference.Digested)
	if !ok {
		return named
	}
	if _, tagged := named.(reference.Tagged); !tagged {
		return named
	}
	bare, err := reference.WithDigest(reference.TrimNamed(named), digested.Digest())
	if err != nil {
		return named
	}
	return bare
}

// HasTransport tells references with a transport from names.
func HasTransport(text string) bool {
	t, _ := splitTransport(text)
	return t != nil
}
