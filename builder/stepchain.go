package builder

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layers"
)

// StepChain is kept in the record of a container whose steps are taken from the cache:
// it says that the container is nothing but its image and its record. Other programs
// drop it when they save the record.
type StepChain struct {
	Sum     string `json:"sum"`             // of the rest of the record
	Ended   string `json:"ended,omitempty"` // why steps are not taken from the cache any more, "" while they are
	History int    `json:"history"`         // entries that the base has
	Layers  int    `json:"layers"`          // that steps have put on the base
}

// alive tells whether steps are taken from the cache.
func (c *StepChain) alive() bool { return c != nil && c.Ended == "" }

// sum is the digest of all of the record but its chain.
func (r *Record) sum() (string, error) {
	rest := *r
	rest.Steps = nil
	data, err := json.Marshal(&rest)
	return digest.FromBytes(data).Encoded(), err
}

// sealed gives the record's bytes, with a chain that vouches for the rest.
func (r *Record) sealed() ([]byte, error) {
	if r.Steps != nil {
		sum, err := r.sum()
		if err != nil {
			return nil, err
		}
		r.Steps.Sum = sum
	}
	return json.Marshal(r)
}

// checkSeal ends the chain of a record that somebody else has changed.
func (r *Record) checkSeal() {
	if !r.Steps.alive() {
		return
	}
	if sum, err := r.sum(); err != nil || sum != r.Steps.Sum {
		r.Steps.Ended = "another program has changed its record"
	}
}

// startChain says that the container is nothing but its image and its record.
func (b *Builder) startChain() {
	b.record.Steps = &StepChain{History: len(b.image.OCI.History)}
}

// errChanged is a record that is not what was read.
var errChanged = errors.New("another command has changed the container meanwhile: try again")

// unchanged tells whether the record on the disk is the one that was read.
func (b *Builder) unchanged() (Record, bool, error) {
	dir, err := b.engine.Store.ContainerDir(b.ID())
	if err != nil {
		return Record{}, false, err
	}
	now, err := loadRecord(dir)
	return now, err == nil && now.Steps != nil && now.Steps.Sum == b.seal && now.Steps.alive(), err
}

// LeaveCache ends the chain: steps of the container are carried out until its next
// commit. What another command has made of the record stands.
func (b *Builder) LeaveCache(reason string) error {
	if !b.record.Steps.alive() {
		return nil
	}
	release, err := b.hold()
	if err != nil {
		return err
	}
	defer release()
	now, same, err := b.unchanged()
	if err != nil {
		return fmt.Errorf("ending the cache of %q: %w", b.Name(), err)
	}
	if !same { // what is in memory is of no more use
		b.record = now
		b.image = imageconfig.Image{OCI: now.OCIv1, Docker: now.Docker}
	}
	b.engine.info("the cache of %q has ended until its next commit: %s", b.Name(), reason)
	if b.record.Steps != nil && b.record.Steps.Ended == "" {
		b.record.Steps.Ended = reason
	}
	b.seal = "" // it is not looked at any more
	return b.Save()
}

// whyNot tells what keeps the container from being nothing but its image and its
// record, "" when nothing does.
func (b *Builder) whyNot() (string, error) {
	if reason := b.whyNever(); reason != "" {
		return reason, nil
	}
	if reason, err := b.inUse(); reason != "" || err != nil {
		return reason, err
	}
	same, err := layers.Unchanged(b.engine.Store, b.ID())
	if err == nil && same {
		same, err = layers.SameTop(b.engine.Store, b.ID())
	}
	if err != nil || !same {
		return "its files were changed by something that is no step", err
	}
	return "", nil
}

// whyNever tells what of the record keeps steps of the container from the cache.
func (b *Builder) whyNever() string {
	r := &b.record
	switch {
	case len(r.PrependedLinkedLayers)+len(r.AppendedLinkedLayers) > 0:
		return "it has layers of --link"
	case len(r.IDMappingOptions.UIDMap)+len(r.IDMappingOptions.GIDMap) > 0:
		return "it has ID maps"
	case len(r.CommonBuildOpts.Volumes) > 0:
		return "volumes are mounted in it"
	}
	return ""
}

// inUse tells what speaks against taking the container's layer away.
func (b *Builder) inUse() (string, error) {
	s := b.engine.Store
	count, err := s.MountCount(b.ID())
	if err != nil || count > 0 {
		return "it is mounted", err
	}
	base, err := s.BaseLayer(b.ID())
	if err != nil || base != b.record.TopLayer {
		return "it does not stand on the image that its record says", err
	}
	return "", nil
}
