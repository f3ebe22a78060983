package store

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"time"

	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"
	"go.podman.io/storage/pkg/stringid"
	"golang.org/x/sys/unix"
)

// Container is a container of the store, ours or another tool's.
type Container struct {
	ID             string
	Names          []string
	ImageID        string // "" for scratch
	LayerID        string // the layer that can be written to
	Created        time.Time
	UIDMap, GIDMap []idtools.IDMap
	MountLabel     string
	ProcessLabel   string
	Metadata       string // of whoever made it
}

// NewContainer says what container to make.
type NewContainer struct {
	Name     string // exactly this name; a duplicate is [ErrNameInUse]
	NameHint string // used when Name is "": this name, or the first of it with -1, -2, ... that is free
	ImageID  string // "" means scratch
	LayerID  string // the layer to stand on, where it may not be the image's top layer; "" means the image's

	// Mapping gives the ID maps. The zero value means the store's default maps,
	// no map when there are none.
	Mapping   storage.IDMappingOptions
	LabelOpts []string // SELinux

	// Private is a container that no other tool needs to see: it is listed in a
	// file of its own, which older versions of other tools do not read.
	Private bool

	Metadata string // kept with the container as it is
}

// raceTries is how often a name that was taken between look and creation is
// tried again with a random number, whose range grows each time.
const raceTries = 6

// Container finds a container by its exact ID, its exact name or a prefix of its
// ID that no other container has.
func (s *Store) Container(nameOrID string) (Container, error) {
	c, err := s.raw.Container(nameOrID)
	if errors.Is(err, storage.ErrContainerUnknown) && s.awaitRestanding(nameOrID) {
		c, err = s.raw.Container(nameOrID)
	}
	if err != nil {
		return Container{}, &UnknownError{What: "container", Name: nameOrID, Err: err}
	}
	return fromRaw(c), nil
}

// Containers lists all containers of the store.
func (s *Store) Containers() ([]Container, error) {
	list, err := s.raw.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	all := make([]Container, 0, len(list))
	for i := range list {
		all = append(all, fromRaw(&list[i]))
	}
	return all, nil
}

func fromRaw(c *storage.Container) Container {
	return Container{
		ID: c.ID, Names: c.Names, ImageID: c.ImageID, LayerID: c.LayerID, Created: c.Created,
		UIDMap: c.UIDMap, GIDMap: c.GIDMap, MountLabel: c.MountLabel(), ProcessLabel: c.ProcessLabel(), Metadata: c.Metadata,
	}
}

// CreateContainer makes a container. Like those of stock buildah it is volatile:
// its content need not survive a crash of the machine.
func (s *Store) CreateContainer(o NewContainer) (Container, error) {
	image, err := s.imageToStandOn(o)
	if err != nil {
		return Container{}, err
	}
	name, err := s.freeName(o)
	if err != nil {
		return Container{}, err
	}
	opts := storage.ContainerOptions{IDMappingOptions: s.mapping(o.Mapping), LabelOpts: o.LabelOpts, Volatile: o.Private}
	if !o.Private {
		// The flag alone lets the driver mount without syncing. Storage's own option
		// would also list the container in a file that older tools do not read.
		opts.Flags = map[string]any{"Volatile": true}
	}
	for try, limit := 0, 10; ; try, limit = try+1, limit*10 {
		layer := stringid.GenerateRandomID()
		if err := s.Claim(layer); err != nil {
			return Container{}, fmt.Errorf("creating container %q: %w", name, err)
		}
		c, err := s.raw.CreateContainer("", []string{name}, image, layer, o.Metadata, &opts)
		s.Release(layer)
		switch {
		case err == nil:
			return fromRaw(c), nil
		case !errors.Is(err, storage.ErrDuplicateName):
			return Container{}, fmt.Errorf("creating container %q: %w", name, err)
		case o.Name != "" || try == raceTries:
			return Container{}, fmt.Errorf("creating container %q: %w", name, ErrNameInUse)
		}
		name = o.NameHint + "-" + strconv.Itoa(rand.IntN(limit))
	}
}

// imageToStandOn is the image whose top layer is the wanted one: storage makes
// containers on images only.
func (s *Store) imageToStandOn(o NewContainer) (string, error) {
	if o.LayerID == "" {
		return o.ImageID, nil
	}
	if o.ImageID != "" {
		img, err := s.raw.Image(o.ImageID)
		if err == nil && img.TopLayer == o.LayerID {
			return img.ID, nil
		}
	}
	images, err := s.raw.ImagesByTopLayer(o.LayerID)
	if err != nil || len(images) == 0 {
		return "", fmt.Errorf("creating a container on layer %q: no image has it as its top layer: %w", o.LayerID, ErrImageUnknown)
	}
	return images[0].ID, nil
}

// freeName picks the name by the rules of NewContainer. The list is read once:
// the name is only likely to be free, creation decides.
func (s *Store) freeName(o NewContainer) (string, error) {
	list, err := s.raw.Containers()
	if err != nil {
		return "", fmt.Errorf("listing containers: %w", err)
	}
	taken := s.namesInHands()
	for i := range list {
		for _, name := range list[i].Names {
			taken[name] = list[i].ID
		}
	}
	if o.Name != "" {
		if id, ok := taken[o.Name]; ok {
			return "", fmt.Errorf("creating container %q: %w by container %s", o.Name, ErrNameInUse, id)
		}
		return o.Name, nil
	}
	name := o.NameHint
	for n := 1; taken[name] != ""; n++ {
		name = o.NameHint + "-" + strconv.Itoa(n)
	}
	return name, nil
}

// mapping fills in the store's default maps. A container without maps says so
// explicitly, or storage would give it those of a mapped copy of the image.
func (s *Store) mapping(m storage.IDMappingOptions) storage.IDMappingOptions {
	if m.AutoUserNs {
		return m
	}
	if !m.HostUIDMapping && len(m.UIDMap) == 0 {
		m.UIDMap = s.raw.UIDMap()
	}
	if !m.HostGIDMapping && len(m.GIDMap) == 0 {
		m.GIDMap = s.raw.GIDMap()
	}
	m.HostUIDMapping = m.HostUIDMapping || len(m.UIDMap) == 0
	m.HostGIDMapping = m.HostGIDMapping || len(m.GIDMap) == 0
	return m
}

// DeleteContainer removes a container with its layer and its data directory.
func (s *Store) DeleteContainer(id string) error {
	err := s.raw.DeleteContainer(id)
	if errors.Is(err, storage.ErrNotAContainer) {
		err = ErrContainerUnknown
	}
	if err != nil {
		return fmt.Errorf("deleting container %q: %w", id, err)
	}
	_ = os.RemoveAll(s.usesDir(id)) // of no more interest
	return nil
}

// RenameContainer makes name the only name of a container. A name that another
// container has is [ErrNameInUse]; storage itself would take it away from there.
func (s *Store) RenameContainer(id, name string) error {
	list, err := s.raw.Containers()
	if err != nil {
		return fmt.Errorf("listing containers: %w", err)
	}
	for i := range list {
		if list[i].ID != id && slices.Contains(list[i].Names, name) {
			return fmt.Errorf("renaming container %q to %q: %w by container %s", id, name, ErrNameInUse, list[i].ID)
		}
	}
	if err := s.raw.SetNames(id, []string{name}); err != nil {
		return fmt.Errorf("renaming container %q to %q: %w", id, name, err)
	}
	return nil
}

// ContainerDir is the data directory of a container, with mode 0700; it is made
// if it is missing. The record and the mount stubs live in it.
func (s *Store) ContainerDir(id string) (string, error) {
	dir, err := s.raw.ContainerDirectory(id)
	if err != nil {
		return "", fmt.Errorf("finding the data directory of container %q: %w", id, err)
	}
	return dir, nil
}

// Mount mounts a container, or counts one more use of its mount.
func (s *Store) Mount(id, label string) (string, error) {
	stale := s.staleMounts(id)
	path, err := s.raw.Mount(id, label)
	if err != nil {
		return "", fmt.Errorf("mounting container %q: %w", id, err)
	}
	return path, s.forgetMounts(id, stale)
}

// Unmount gives one use of a container's mount back, and tells whether others
// still have it mounted. A container that is not mounted is not an error.
func (s *Store) Unmount(id string) (still bool, err error) {
	n, err := s.MountCount(id)
	if err != nil || n == 0 {
		return false, err // storage would count below zero
	}
	if n == 1 {
		s.unmountForGood(id)
	}
	still, err = s.raw.Unmount(id, false)
	if err != nil {
		return still, fmt.Errorf("unmounting container %q: %w", id, err)
	}
	return still, nil
}

// MountCount is the number of uses that a container's mount has.
func (s *Store) MountCount(id string) (int, error) {
	n, err := s.raw.Mounted(id)
	if errors.Is(err, storage.ErrLayerUnknown) {
		return 0, nil // whoever made or removed the container was killed in the middle
	}
	if err != nil {
		return 0, fmt.Errorf("counting the mounts of container %q: %w", id, err)
	}
	return n, nil
}

// MountPoint is where a container is mounted, "" when it is not.
func (s *Store) MountPoint(id string) (string, error) {
	c, err := s.raw.Container(id)
	if err != nil {
		return "", fmt.Errorf("looking up container %q: %w", id, err)
	}
	layer, err := s.raw.Layer(c.LayerID)
	if err != nil {
		return "", fmt.Errorf("finding the mount of container %q: %w", id, err)
	}
	if layer.MountCount == 0 {
		return "", nil
	}
	return layer.MountPoint, nil
}

// unmountForGood unmounts the container's root file system before storage does,
// which only detaches it: with a process that still has a file open in it the
// mount would live on, and the process could write to a finished layer.
func (s *Store) unmountForGood(id string) {
	path, err := s.MountPoint(id)
	if err == nil && path != "" {
		err = unix.Unmount(path, 0)
	}
	if err != nil {
		s.noteDetached(id)
	}
}

// noteDetached notes that somebody may still write to the container.
func (s *Store) noteDetached(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.detached[id] = true
}

// UnmountedCleanly tells whether each unmount of a container by this process left
// nobody who could still write to it.
func (s *Store) UnmountedCleanly(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.detached[id]
}
