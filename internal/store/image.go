package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
	"go.podman.io/storage"
)

// manifestKey is the big data item of the manifest that an image was stored
// with; the same bytes are kept under manifestKey + "-" + digest.
const manifestKey = storage.ImageDigestBigDataKey

// Image is an image record of the store: an image, or a list of images.
type Image struct {
	ID           string
	Names        []string
	NamesHistory []string
	Digest       digest.Digest   // of the item "manifest"
	Digests      []digest.Digest // of every manifest that it is known by
	TopLayer     string          // "" when it has no layers
	Created      time.Time
	ReadOnly     bool     // it lives in an additional store
	Complete     bool     // it has a manifest; false is a commit that was torn
	BigData      []string // the keys of its items
}

// torn tells a record that a killed commit left: without a manifest and a name
// nobody can use it.
func (i *Image) torn() bool { return !i.Complete && len(i.Names) == 0 }

func imageFromRaw(i *storage.Image) Image {
	d, ok := i.BigDataDigests[manifestKey]
	if !ok {
		d = i.Digest // storage keeps that of the first manifest it was given
	}
	return Image{
		ID: i.ID, Names: i.Names, NamesHistory: i.NamesHistory, Digest: d, Digests: i.Digests,
		TopLayer: i.TopLayer, Created: i.Created, ReadOnly: i.ReadOnly,
		Complete: slices.Contains(i.BigDataNames, manifestKey), BigData: i.BigDataNames,
	}
}

// Image finds an image by its exact ID, an exact name or a prefix of its ID that
// no other image has. A torn image is unknown.
func (s *Store) Image(nameOrID string) (Image, error) {
	raw, err := s.raw.Image(nameOrID)
	if err != nil {
		return Image{}, &UnknownError{What: "image", Name: nameOrID, Err: err}
	}
	img := imageFromRaw(raw)
	if img.torn() {
		return Image{}, fmt.Errorf("looking up image %q: its commit was interrupted: %w", nameOrID, ErrImageUnknown)
	}
	return img, nil
}

// Images lists the images of the store. Torn ones are left out.
func (s *Store) Images() ([]Image, error) {
	list, err := s.raw.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	all := make([]Image, 0, len(list))
	for i := range list {
		if img := imageFromRaw(&list[i]); !img.torn() {
			all = append(all, img)
		}
	}
	return all, nil
}

// ImagesByDigest lists the images that are known by the digest of a manifest.
func (s *Store) ImagesByDigest(d digest.Digest) ([]Image, error) {
	list, err := s.raw.ImagesByDigest(d)
	if err != nil {
		return nil, fmt.Errorf("looking up images with digest %q: %w", d, err)
	}
	var all []Image
	for _, raw := range list {
		if img := imageFromRaw(raw); !img.torn() {
			all = append(all, img)
		}
	}
	return all, nil
}

// DeleteImage removes an image, and those of its layers that nothing else needs.
// Without commit nothing is removed: the error tells whether it could be.
func (s *Store) DeleteImage(id string, commit bool) error {
	_, err := s.raw.DeleteImage(id, commit)
	if errors.Is(err, storage.ErrNotAnImage) {
		err = ErrImageUnknown
	}
	if err != nil {
		return fmt.Errorf("deleting image %q: %w", id, err)
	}
	return nil
}

// ReapTorn removes the images that killed commits left behind, and their layers.
func (s *Store) ReapTorn() (removed []string, err error) {
	list, err := s.raw.Images()
	if err != nil {
		return nil, fmt.Errorf("listing images: %w", err)
	}
	var errs []error
	for i := range list {
		img := imageFromRaw(&list[i])
		if !img.torn() || img.ReadOnly {
			continue
		}
		if err := s.DeleteImage(img.ID, true); err != nil {
			errs = append(errs, err)
			continue
		}
		removed = append(removed, img.ID)
	}
	return removed, errors.Join(errs...)
}

// AddImageName gives an image further names; they are taken from whatever image had them.
func (s *Store) AddImageName(id string, names ...string) error {
	return naming(id, s.raw.AddNames(id, names))
}

// RemoveImageName takes names from an image.
func (s *Store) RemoveImageName(id string, names ...string) error {
	return naming(id, s.raw.RemoveNames(id, names))
}

func naming(id string, err error) error {
	if err != nil {
		return fmt.Errorf("changing the names of image %q: %w", id, err)
	}
	return nil
}

// ImageBigData reads an item of an image.
func (s *Store) ImageBigData(id, key string) ([]byte, error) {
	data, err := s.raw.ImageBigData(id, key)
	if err != nil {
		return nil, fmt.Errorf("reading item %q of image %q: %w", key, id, err)
	}
	return data, nil
}

// Manifest reads the manifest of an image, with its media type and its digest.
func (s *Store) Manifest(id string) ([]byte, string, digest.Digest, error) {
	data, err := s.ImageBigData(id, manifestKey)
	if err != nil {
		return nil, "", "", err
	}
	d, err := manifest.Digest(data)
	if err != nil {
		return nil, "", "", fmt.Errorf("reading the manifest of image %q: %w", id, err)
	}
	return data, manifest.GuessMIMEType(data), d, nil
}

// Config reads the configuration blob of an image.
func (s *Store) Config(id string) ([]byte, error) {
	data, err := s.ImageBigData(id, manifestKey)
	if err != nil {
		return nil, err
	}
	if isOld(data) {
		config, err := s.oldConfig(id, data)
		if err != nil {
			return nil, fmt.Errorf("reading the configuration of image %q: %w", id, err)
		}
		return config, nil
	}
	d, err := configDigest(data)
	if err != nil {
		return nil, fmt.Errorf("reading the configuration of image %q: %w", id, err)
	}
	return s.ImageBigData(id, d.String())
}

// configDigest finds the digest of the configuration in a manifest.
func configDigest(data []byte) (digest.Digest, error) {
	var m struct {
		Config struct {
			Digest digest.Digest `json:"digest"`
		} `json:"config"`
	}
	if err := json.Unmarshal(data, &m); err != nil {
		return "", fmt.Errorf("parsing its manifest: %w", err)
	}
	if m.Config.Digest == "" {
		return "", fmt.Errorf("a manifest of type %q names no configuration: it is a list", manifest.GuessMIMEType(data))
	}
	if err := m.Config.Digest.Validate(); err != nil {
		return "", fmt.Errorf("parsing its manifest: %w", err)
	}
	return m.Config.Digest, nil
}
