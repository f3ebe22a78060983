package builder

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage"
	"go.podman.io/storage/pkg/idtools"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/spec"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/userns"
)

// wanted is what the store is asked for.
func (o IDMappingOptions) wanted() storage.IDMappingOptions {
	auto := o.AutoUserNsOpts
	w := storage.IDMappingOptions{
		HostUIDMapping: len(o.UIDMap) == 0 && !o.AutoUserNs, HostGIDMapping: len(o.GIDMap) == 0 && !o.AutoUserNs,
		UIDMap: toStore(o.UIDMap), GIDMap: toStore(o.GIDMap), AutoUserNs: o.AutoUserNs,
	}
	w.AutoUserNsOpts.Size, w.AutoUserNsOpts.InitialSize = auto.Size, auto.InitialSize
	w.AutoUserNsOpts.PasswdFile, w.AutoUserNsOpts.GroupFile = auto.PasswdFile, auto.GroupFile
	w.AutoUserNsOpts.AdditionalUIDMappings = toStore(auto.AdditionalUIDMappings)
	w.AutoUserNsOpts.AdditionalGIDMappings = toStore(auto.AdditionalGIDMappings)
	return w
}

// OwnUserNamespace tells whether commands get a user namespace of their own.
func (x *Execution) OwnUserNamespace() bool {
	for _, n := range x.NamespaceOptions {
		if n.Name == "user" {
			return !n.Host
		}
	}
	return len(x.IDMappingOptions.UIDMap) > 0 || x.IDMappingOptions.AutoUserNs
}

// keep takes the maps that a container of the store has: those that were asked for,
// or those that the store has found for it.
func (o *IDMappingOptions) keep(c store.Container) {
	o.UIDMap, o.GIDMap = fromStore(c.UIDMap), fromStore(c.GIDMap)
	o.settle()
}

// settle makes the switches say what the maps do.
func (o *IDMappingOptions) settle() {
	o.HostUIDMapping = len(o.UIDMap) == 0 && !o.AutoUserNs
	o.HostGIDMapping = len(o.GIDMap) == 0 && !o.AutoUserNs
}

func toStore(maps []IDMap) []idtools.IDMap {
	var all []idtools.IDMap
	for _, m := range maps {
		all = append(all, idtools.IDMap{ContainerID: int(m.ContainerID), HostID: int(m.HostID), Size: int(m.Size)})
	}
	return all
}

func fromStore(maps []idtools.IDMap) []IDMap {
	var all []IDMap
	for _, m := range maps {
		all = append(all, IDMap{ContainerID: uint32(m.ContainerID), HostID: uint32(m.HostID), Size: uint32(m.Size)})
	}
	return all
}

// mapped tells whether the container has ids of its own.
func (b *Builder) mapped() bool { return len(b.record.IDMappingOptions.UIDMap) > 0 }

// idText tells containers with different ids apart: what one of them has written,
// another one could not change. It is empty for those with the ids of the host.
func (b *Builder) idText() string {
	if !b.mapped() {
		return ""
	}
	return fmt.Sprint(" ids ", b.record.IDMappingOptions.UIDMap, b.record.IDMappingOptions.GIDMap)
}

// owners translates between the ids of the container and those on disk; nil where
// they are the same.
func (b *Builder) owners() copier.IDMap {
	if !b.mapped() {
		return nil
	}
	return owners{b.record.IDMappingOptions.UIDMap, b.record.IDMappingOptions.GIDMap}
}

// owners are the maps of users and groups of one container.
type owners struct{ users, groups []IDMap }

// ToHost gives the owner on disk of what belongs to a user in the container.
func (m owners) ToHost(o copier.Owner) (copier.Owner, error) {
	uid, userKnown := translate(m.users, o.UID, func(m IDMap) (from, to uint32) { return m.ContainerID, m.HostID })
	gid, groupKnown := translate(m.groups, o.GID, func(m IDMap) (from, to uint32) { return m.ContainerID, m.HostID })
	if !userKnown || !groupKnown {
		return o, fmt.Errorf("the container has no user %d:%d: its id maps leave it out", o.UID, o.GID)
	}
	return copier.Owner{UID: uid, GID: gid}, nil
}

// ToContainer is the other way round.
func (m owners) ToContainer(o copier.Owner) (copier.Owner, error) {
	uid, userKnown := translate(m.users, o.UID, func(m IDMap) (from, to uint32) { return m.HostID, m.ContainerID })
	gid, groupKnown := translate(m.groups, o.GID, func(m IDMap) (from, to uint32) { return m.HostID, m.ContainerID })
	if !userKnown || !groupKnown {
		return o, fmt.Errorf("the owner %d:%d on disk is nobody in the container: its id maps leave it out", o.UID, o.GID)
	}
	return copier.Owner{UID: uid, GID: gid}, nil
}

// translate looks an id up; without maps they are the same on both sides.
func translate(maps []IDMap, id int, sides func(IDMap) (from, to uint32)) (int, bool) {
	for _, m := range maps {
		from, to := sides(m)
		if id >= int(from) && id-int(from) < int(m.Size) {
			return int(to) + id - int(from), true
		}
	}
	return id, len(maps) == 0
}

// onDisk is the owner, on disk, of what belongs to a user in the container.
func (b *Builder) onDisk(uid, gid int) (copier.Owner, error) {
	o := b.record.IDMappingOptions
	return owners{o.UIDMap, o.GIDMap}.ToHost(copier.Owner{UID: uid, GID: gid})
}

// containerRoot is the owner, on disk, of what belongs to root in the container.
func (b *Builder) containerRoot() copier.Owner {
	o, err := b.onDisk(0, 0)
	if err != nil {
		return copier.Owner{}
	}
	return o
}

// idMaps are those of the user namespace that the command gets: the container's, or
// where only a namespace was asked for, the ids that we have ourselves.
func (x *execution) idMaps() (spec.IDMaps, error) {
	o := x.record.IDMappingOptions
	user := x.namespace("user")
	switch {
	case x.mapped():
		return spec.IDMaps{UIDs: toSpec(o.UIDMap), GIDs: toSpec(o.GIDMap)}, nil
	case user.Host || user.Path != "":
		return spec.IDMaps{}, nil
	}
	uids, err := sameIDs("/proc/self/uid_map")
	if err != nil {
		return spec.IDMaps{}, err
	}
	gids, err := sameIDs("/proc/self/gid_map")
	return spec.IDMaps{UIDs: uids, GIDs: gids}, err
}

func toSpec(maps []IDMap) []specs.LinuxIDMapping {
	var all []specs.LinuxIDMapping
	for _, m := range maps {
		all = append(all, specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: m.HostID, Size: m.Size})
	}
	return all
}

// sameIDs maps each id that this process has to itself.
func sameIDs(file string) ([]specs.LinuxIDMapping, error) {
	all, err := userns.OwnMap(file)
	for i := range all {
		all[i].HostID = all[i].ContainerID
	}
	return all, err
}

// showRoot makes the root file system reachable for root of the container's own
// namespace, who may not pass the directories of the store. It is shown in the
// bundle, which belongs to that user, and to nobody else.
func (x *execution) showRoot() error {
	if !x.mapped() {
		return nil
	}
	src, err := x.root.OpenPath("/")
	if err != nil {
		return err
	}
	defer src.Close()
	x.shown, err = newMounting(x).pin(src, false)
	return err
}

// bundleParent is the directory that bundles are made in. One of a container with ids
// of its own has to be where everybody may pass.
func (x *execution) bundleParent() string {
	temp := x.engine.Host.TempDir
	if !x.mapped() || openToAll(temp) {
		return temp
	}
	for _, dir := range []string{"/var/tmp", "/tmp"} {
		if openToAll(dir) {
			return dir
		}
	}
	return temp
}

// openToAll tells whether everybody may pass a directory and those above it.
func openToAll(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

// lacksGroup tells whether a group has no id in our own namespace.
func lacksGroup(id uint32) bool {
	_, lacks := userns.Lacks([]specs.LinuxIDMapping{{HostID: id, Size: 1}}, "/proc/self/gid_map")
	return lacks
}
