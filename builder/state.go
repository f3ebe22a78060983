package builder

import (
	"context"
	"fmt"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
)

// Scratch is the name of the base that has no layers.
const Scratch = "scratch"

// State is an image without a container: layers and a configuration. The
// interpreter carries one from step to step, so that a step that only changes
// the configuration needs no container, no mount and no layer.
type State struct {
	ImageID     string            // a stored image whose top layer is TopLayer; "" on scratch
	ImageName   string            // resolved name of the base, "" when it was given by ID only
	ImageDigest digest.Digest     // of the manifest that the base came with
	TopLayer    string            // "" on scratch
	Image       imageconfig.Image // OCI.RootFS.DiffIDs and OCI.History are those of the layers
	Annotations map[string]string // of the manifest
	Config      []byte            // configuration blob of the base, as stored
	Manifest    []byte            // manifest of the base, as stored
	NoHistory   bool              // the base has layers but says nothing of their history

	written int64 // bytes of the layers that were put on top since the last commit

	// transport names the container when the image has no name: "dir", "oci-archive", ...
	transport string
	absent    *absent // nil when all of it is in the store
}

// BaseOptions says how a base image is found. Each zero value is the default.
type BaseOptions struct {
	Pull     PullPolicy
	Registry Registry
	Platform Platform // zero means the host's
	Unnamed  bool     // an image of a file gets none of the names that the file says
	// Lazy leaves the layers of an image at its registry until they are needed.
	Lazy bool
}

// Base resolves image, which may be [Scratch], a name, an ID or a transport
// reference, and fetches it where the policy asks for it.
func (e *Engine) Base(ctx context.Context, image string, o BaseOptions) (State, error) {
	if image == Scratch {
		st := State{Image: imageconfig.Scratch(o.Platform)}
		st.Annotations = map[string]string{annotationBaseDigest: ""}
		return st, nil
	}
	how := transfer.PullOptions{
		Registry: o.Registry, Policy: o.Pull, Unnamed: o.Unnamed, Platform: transfer.Platform{OS: o.Platform.OS, Arch: o.Platform.Arch, Variant: o.Platform.Variant},
	}
	if o.Lazy {
		if st, ok := e.peek(ctx, image, how); ok {
			return st, nil
		}
	}
	pulled, err := e.Images.Pull(ctx, image, how)
	if err != nil {
		return State{}, err
	}
	for _, text := range pulled.Warnings {
		e.warn("%s", text)
	}
	st, err := e.stateOf(pulled.ID)
	if err != nil {
		return State{}, err
	}
	st.transport = pulled.TransportName
	st.ImageName = pulled.Name
	st.setBaseAnnotations()
	return st, nil
}

// stateOf reads the state of a stored image, which pruning then spares.
func (e *Engine) stateOf(id string) (State, error) {
	if err := e.Store.Pin(id); err != nil {
		return State{}, err
	}
	img, err := e.Store.Image(id)
	if err != nil {
		return State{}, fmt.Errorf("reading image %q: %w", id, err)
	}
	manifest, mediaType, manifestDigest, err := e.Store.Manifest(id)
	if err != nil {
		return State{}, fmt.Errorf("reading the manifest of image %q: %w", id, err)
	}
	config, err := e.Store.Config(id)
	if err != nil {
		return State{}, fmt.Errorf("reading the configuration of image %q: %w", id, err)
	}
	st, err := newState(config, manifest, mediaType)
	if err != nil {
		return State{}, fmt.Errorf("image %q: %w", id, err)
	}
	if img.Digest != "" {
		manifestDigest = img.Digest
	}
	st.ImageID, st.ImageDigest, st.TopLayer = id, manifestDigest, img.TopLayer
	if len(img.Names) > 0 {
		st.ImageName = img.Names[0]
	}
	return st, nil
}

// newState reads what an image says of itself.
func newState(config, manifest []byte, mediaType string) (State, error) {
	parsed, err := imageconfig.Parse(config, mediaType)
	if err != nil {
		return State{}, fmt.Errorf("reading the configuration: %w", err)
	}
	annotations, err := imageconfig.ParseAnnotations(manifest)
	if err != nil {
		return State{}, fmt.Errorf("reading the manifest: %w", err)
	}
	return State{
		Image: parsed, Annotations: annotations, Config: config, Manifest: manifest,
		NoHistory: len(parsed.OCI.History) == 0 && len(parsed.OCI.RootFS.DiffIDs) > 0,
	}, nil
}

const (
	annotationBaseDigest = "org.opencontainers.image.base.digest"
	annotationBaseName   = "org.opencontainers.image.base.name"
)

// setBaseAnnotations notes on what the next image stands (spec record.md, section 3).
func (s *State) setBaseAnnotations() {
	if s.Annotations == nil {
		s.Annotations = map[string]string{}
	}
	s.Annotations[annotationBaseDigest] = s.ImageDigest.String()
	if name := s.ImageName; isFullyQualified(name) {
		s.Annotations[annotationBaseName] = name
	} else {
		delete(s.Annotations, annotationBaseName)
	}
}

// isFullyQualified tells whether a name says its registry.
func isFullyQualified(name string) bool {
	host, _, ok := strings.Cut(name, "/")
	return ok && (strings.ContainsAny(host, ".:") || host == "localhost")
}

// historyBaseName is the name for "FROM name" in the history, "" when the base
// was given by its ID only.
func (s *State) historyBaseName() string {
	if s.ImageName == "" || (s.ImageID != "" && strings.HasPrefix(s.ImageID, s.ImageName)) {
		return ""
	}
	return s.ImageName
}

// containerName is the wanted name of a container on this base, before numbers
// are appended (spec record.md, section 4).
func (s *State) containerName(suffix string) string {
	if suffix == "" {
		suffix = "working-container"
	}
	stem := s.transport
	switch {
	case s.ImageName != "":
		stem = nameStem(s.ImageName)
	case stem != "":
	case s.ImageID != "":
		stem = s.ImageID[:min(12, len(s.ImageID))]
	}
	if stem == "" {
		return suffix
	}
	return stem + "-" + suffix
}

// nameStem is the last path component of an image name, without tag and digest.
// A text such as "localhost:5000/app" is cut at its first colon, as scripts that
// rely on the names of containers expect.
func nameStem(name string) string {
	name, _, _ = strings.Cut(name, "@")
	name, _, _ = strings.Cut(name, ":")
	return name[strings.LastIndexByte(name, '/')+1:]
}

// newContainer is the store's view of a container on this state.
func (s *State) newContainer(o FromOptions) store.NewContainer {
	return store.NewContainer{
		Name: o.Name, NameHint: s.containerName(o.Suffix), ImageID: s.ImageID, LayerID: s.TopLayer,
		LabelOpts: o.Execution.labelOpts(), Private: o.Owned, Mapping: o.Execution.IDMappingOptions.wanted(),
	}
}
