package builder

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/manifests"
	"github.com/projectatomic/buildah/internal/transfer"
)

// Inspection is what `inspect` shows of a container or an image. The order of
// the fields is that of the JSON (spec commands.md, 3.9).
type Inspection struct {
	Type                  string
	FromImage             string
	FromImageID           string
	FromImageDigest       string
	GroupAdd              []string
	Config                string
	Manifest              string
	Container             string
	ContainerID           string
	MountPoint            string
	ProcessLabel          string
	MountLabel            string
	ImageAnnotations      map[string]string
	ImageCreatedBy        string
	OCIv1                 ociv1.Image
	Docker                imageconfig.Docker
	DefaultMountsFilePath string
	Isolation             string
	NamespaceOptions      []Namespace
	Capabilities          []string
	ConfigureNetwork      string
	CNIPluginPath         string
	CNIConfigDir          string
	IDMappingOptions      IDMappingOptions
	History               []History
	Devices               []any
	DeviceSpecs           []string
	CDIConfigDir          string
}

// Inspect shows the container as it would be committed now.
func (b *Builder) Inspect() Inspection {
	r := &b.record
	in := Inspection{
		Type: recordType, FromImage: r.FromImage, FromImageID: r.FromImageID, FromImageDigest: r.FromImageDigest,
		GroupAdd: r.GroupAdd, Config: string(r.Config), Manifest: string(r.Manifest),
		Container: r.Container, ContainerID: r.ContainerID, MountPoint: r.MountPoint,
		ProcessLabel: r.ProcessLabel, MountLabel: r.MountLabel,
		ImageAnnotations: r.Annotations, ImageCreatedBy: r.CreatedBy, OCIv1: b.image.OCI, Docker: b.image.Docker,
		DefaultMountsFilePath: r.DefaultMountsFilePath, Isolation: r.Isolation.String(), NamespaceOptions: r.NamespaceOptions,
		Capabilities: slices.Sorted(slices.Values(r.Capabilities)), ConfigureNetwork: r.ConfigureNetwork.String(),
		CNIPluginPath: r.CNIPluginPath, CNIConfigDir: r.CNIConfigDir, IDMappingOptions: r.IDMappingOptions,
		Devices: r.Devices, DeviceSpecs: r.DeviceSpecs, CDIConfigDir: r.CDIConfigDir,
	}
	if maps := &in.IDMappingOptions; maps.UIDMap == nil && maps.GIDMap == nil {
		maps.UIDMap, maps.GIDMap = []IDMap{}, []IDMap{} // as scripts know them: [], not null
	}
	in.History = slices.Concat(b.image.OCI.History, r.PrependedEmptyLayers, r.AppendedEmptyLayers)
	return in
}

// InspectImage shows an image of the store the way a container on it would look. The
// platform, if there is one, chooses from a list.
func (e *Engine) InspectImage(name string, p transfer.Platform) (Inspection, error) {
	found, matched, err := e.Images.Lookup(name, transfer.LookupOptions{Platform: p})
	if err != nil {
		return Inspection{}, err
	}
	st, err := e.stateOf(found.ID)
	if err != nil {
		return Inspection{}, err
	}
	if matched != "" {
		st.ImageName = matched
	}
	return e.newBuilder(st, FromOptions{}).Inspect(), nil
}

// InspectList gives the JSON of a manifest list of the store.
func (e *Engine) InspectList(name string) ([]byte, error) {
	id, err := e.listID(name)
	if err != nil {
		return nil, fmt.Errorf("inspecting %q: %w", name, err)
	}
	l, err := manifests.Load(e.Store, id)
	if err != nil {
		return nil, err
	}
	return l.Show()
}

// InspectAnyList gives the JSON of a list of the store, else of one elsewhere, as it
// is served there.
func (e *Engine) InspectAnyList(ctx context.Context, name string, r Registry) ([]byte, error) {
	if own, local := e.Images.Local(name); local {
		data, err := e.InspectList(own)
		if !errors.Is(err, ErrImageUnknown) {
			return data, err
		}
	}
	o := MemberOptions{Registry: r}
	found, err := e.Images.LookManifest(ctx, name, o.look())
	if err != nil {
		return nil, fmt.Errorf("inspecting %q: the store has no such list: %w", name, err)
	}
	if _, err := manifests.Parse(found.Manifest); err != nil {
		return nil, fmt.Errorf("inspecting %q: %w", name, err)
	}
	var b bytes.Buffer
	if err := json.Indent(&b, found.Manifest, "", "    "); err != nil {
		return nil, fmt.Errorf("inspecting %q: %w", name, err)
	}
	return b.Bytes(), nil
}
