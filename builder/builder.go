package builder

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/spec"
	"github.com/projectatomic/buildah/internal/store"
)

// Builder is one working container, opened. It is not safe for concurrent use;
// several processes may each open the same container.
type Builder struct {
	engine *Engine
	record Record
	image  imageconfig.Image // the live configuration; record.OCIv1 and record.Docker when saved
	owned  bool              // the interpreter's own: nobody else knows it
	base   baseFacts
	// seal is the sum of the record as it was last read or written, "" without a chain.
	seal string
	// shared says that a command ran without a PID namespace of its own: what it
	// left running may still write, so the layer is copied.
	shared bool
}

// baseFacts is what a commit wants to know of the base and the record does not say.
type baseFacts struct {
	noHistory bool
}

// Open finds a working container by name, ID or unique prefix of an ID. A
// container that another tool made is adopted: a record is made from its image.
func Open(e *Engine, nameOrID string) (*Builder, error) {
	c, err := e.Store.Container(nameOrID)
	if err != nil {
		return nil, err
	}
	if err := e.Store.DropDeadUses(c.ID); err != nil {
		return nil, err
	}
	b, err := e.open(c)
	if errors.Is(err, fs.ErrNotExist) {
		return e.adopt(c, nameOrID)
	}
	return b, err
}

// open reads the record of a container of the store.
func (e *Engine) open(c store.Container) (*Builder, error) {
	dir, err := e.Store.ContainerDir(c.ID)
	if err != nil {
		return nil, fmt.Errorf("finding the record of %q: %w", c.ID, err)
	}
	r, err := loadRecord(dir)
	if err != nil {
		return nil, err
	}
	// The store knows better than the record, which another tool may not have updated.
	r.ContainerID = c.ID
	b := &Builder{engine: e, record: r, image: imageconfig.Image{OCI: r.OCIv1, Docker: r.Docker}}
	if r.Steps.alive() {
		b.seal = r.Steps.Sum
	}
	b.base.noHistory = len(r.OCIv1.History) == 0 && len(r.OCIv1.RootFS.DiffIDs) > 0
	return b, nil
}

// OpenAll opens the working containers that have a record of ours, in the order of the store.
func OpenAll(e *Engine) ([]*Builder, error) {
	list, err := e.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	var all []*Builder
	for _, c := range list {
		b, err := e.open(c)
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, ErrBadRecord):
			continue
		case err != nil:
			return nil, err
		}
		all = append(all, b)
	}
	return all, nil
}

// adopt makes a record for a container of another tool, from its image.
func (e *Engine) adopt(c store.Container, name string) (*Builder, error) {
	if c.ImageID == "" {
		return nil, fmt.Errorf("adopting container %q: it was not made from an image", name)
	}
	st, err := e.stateOf(c.ImageID)
	if err != nil {
		return nil, fmt.Errorf("adopting container %q: %w", name, err)
	}
	st.setBaseAnnotations()
	b := e.newBuilder(st, FromOptions{})
	b.record.Container, b.record.ContainerID = name, c.ID
	b.record.ProcessLabel, b.record.MountLabel = c.ProcessLabel, c.MountLabel
	b.record.IDMappingOptions.keep(c)
	if b.record.Capabilities, err = spec.Capabilities(e.Config.DefaultCapabilities, nil, nil); err != nil {
		return nil, fmt.Errorf("adopting container %q: %w", name, err)
	}
	b.image.Docker.Parent = c.ImageID
	b.image.Docker.Config.Image = c.ImageID
	if err := b.Save(); err != nil {
		return nil, fmt.Errorf("adopting container %q: %w", name, err)
	}
	return b, nil
}

// ID is the ID of the container in the store: 64 hexadecimal digits.
func (b *Builder) ID() string { return b.record.ContainerID }

// Name is the name of the container.
func (b *Builder) Name() string { return b.record.Container }

// Record gives the record as it is in memory; [Builder.Save] writes it.
func (b *Builder) Record() *Record { return &b.record }

// Image gives the live configuration of the image that a commit would make.
func (b *Builder) Image() *imageconfig.Image { return &b.image }

// Save writes the record. A container that only the interpreter knows has none.
func (b *Builder) Save() error {
	if b.owned {
		return nil
	}
	b.record.OCIv1, b.record.Docker = b.image.OCI, b.image.Docker
	if err := b.save(); err != nil {
		return fmt.Errorf("saving the record of %q: %w", b.Name(), err)
	}
	return nil
}

func (b *Builder) save() error {
	dir, err := b.engine.Store.ContainerDir(b.ID())
	if err != nil {
		return err
	}
	if b.seal == "" {
		return b.record.save(dir)
	}
	release, err := b.hold()
	if err != nil {
		return err
	}
	defer release()
	if _, same, err := b.unchanged(); err != nil || !same {
		return errors.Join(err, errChanged)
	}
	if err := b.record.save(dir); err != nil {
		return err
	}
	b.seal = b.record.Steps.Sum
	return nil
}

// Remove deletes the container. One that is mounted is left alone unless forced:
// whoever mounted it may be working in there.
func (b *Builder) Remove(ctx context.Context, force bool) error {
	path, err := b.Mounted()
	if err != nil {
		return err
	}
	if path != "" && !force {
		return fmt.Errorf("removing container %q: %w at %q", b.Name(), ErrMounted, path)
	}
	return b.Delete(ctx)
}

// Discard removes a container whose record cannot be used, by name or ID, and
// gives its ID.
func (e *Engine) Discard(nameOrID string) (string, error) {
	c, err := e.Store.Container(nameOrID)
	if err != nil {
		return "", err
	}
	return c.ID, e.deleteContainer(c.ID, nameOrID)
}

// Delete unmounts the container and removes it with everything in it.
func (b *Builder) Delete(_ context.Context) error {
	return b.engine.deleteContainer(b.ID(), b.Name())
}

func (e *Engine) deleteContainer(id, name string) error {
	count, err := e.Store.MountCount(id)
	if err != nil {
		return fmt.Errorf("removing container %q: %w", name, err)
	}
	if count > 0 {
		if err := e.detach(id); err != nil {
			return fmt.Errorf("removing container %q: %w", name, err)
		}
	}
	if err := e.Store.DeleteContainer(id); err != nil {
		return fmt.Errorf("removing container %q: %w", name, err)
	}
	e.dropStepLocks(id)
	return nil
}

// Rename gives the container another name, which no container may have.
func (b *Builder) Rename(name string) error {
	if taken, err := b.engine.Store.Container(name); err == nil {
		return fmt.Errorf("renaming %q: %w: %q names container %q", b.Name(), ErrNameInUse, name, taken.ID)
	} else if !errors.Is(err, ErrNotFound) {
		return fmt.Errorf("renaming %q: %w", b.Name(), err)
	}
	if err := b.engine.Store.RenameContainer(b.ID(), name); err != nil {
		return fmt.Errorf("renaming %q: %w", b.Name(), err)
	}
	b.record.Container = name
	return b.Save()
}

// Configure applies a change of the configuration; the caller saves. The
// warnings are about settings that the image format does not keep.
func (b *Builder) Configure(c Change) ([]string, error) {
	outcome, err := b.image.Apply(c)
	if err != nil {
		return nil, fmt.Errorf("configuring %q: %w", b.Name(), err)
	}
	r := &b.record
	r.Annotations = outcome.Annotations.Annotate(r.Annotations)
	if outcome.CreatedBy.Given {
		r.CreatedBy = outcome.CreatedBy.Value
	}
	if outcome.Comment.Given {
		r.HistoryComment = outcome.Comment.Value
	}
	for _, text := range outcome.History {
		b.AddHistory(History{Created: historyTime(), CreatedBy: text})
	}
	return outcome.Warnings, nil
}

// AddHistory appends an entry without a layer that precedes the container's own layer.
func (b *Builder) AddHistory(h History) {
	h.EmptyLayer = true
	b.record.PrependedEmptyLayers = append(b.record.PrependedEmptyLayers, h)
}
