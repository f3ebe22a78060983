package main

import (
	"cmp"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/userns"
)

// usernsFlags choose the user namespace of new containers, and which ids they have.
type usernsFlags struct {
	mode                    string
	asked                   bool // a mode was given
	uidMap, gidMap          []string
	uidMapUser, gidMapGroup string
}

func (f *usernsFlags) options() []*option {
	return []*option{
		noting(textOption("userns", "MODE", &f.mode, "user namespace: private, host, auto[:OPTIONS] or a path"), &f.asked).shows("host"),
		listOption("userns-gid-map", "CTR:HOST:LEN", &f.gidMap, "map group IDs"),
		textOption("userns-gid-map-group", "GROUP", &f.gidMapGroup, "map group IDs to those of GROUP in /etc/subgid"),
		listOption("userns-uid-map", "CTR:HOST:LEN", &f.uidMap, "map user IDs"),
		textOption("userns-uid-map-user", "USER", &f.uidMapUser, "map user IDs to those of USER in /etc/subuid"),
	}
}

const (
	ownUIDMap = "/proc/self/uid_map"
	ownGIDMap = "/proc/self/gid_map"
)

// errMapsOfHost is a contradiction.
var errMapsOfHost = errors.New("can not specify ID mappings while using host's user namespace")

// settle gives the maps, and the choice of the namespace if there is one.
func (f *usernsFlags) settle(global globals) (o builder.IDMappingOptions, chosen []builder.Namespace, err error) {
	mode, details, _ := strings.Cut(f.mode, ":")
	switch {
	case !f.asked:
	case mode == "auto":
		err = parseAuto(&o, details)
		chosen = []builder.Namespace{{Name: "user"}}
	default:
		space := namespaceFlags{}
		err = space.set("user", f.mode)
		chosen = space.chosen
	}
	if err != nil {
		return o, nil, err
	}
	uids, gids, err := f.maps(global)
	switch {
	case err != nil || len(uids) == 0:
	case len(chosen) > 0 && chosen[0].Host:
		err = errMapsOfHost
	case o.AutoUserNs:
		err = errors.New("--userns=auto finds the maps itself: use its options uidmapping and gidmapping")
	default:
		err = errors.Join(checkOwnMap("user", uids, ownUIDMap), checkOwnMap("group", gids, ownGIDMap))
		chosen = append(chosen, builder.Namespace{Name: "user"})[:1]
	}
	o.UIDMap, o.GIDMap = recordMaps(uids), recordMaps(gids)
	o.HostUIDMapping = len(uids) == 0 && !o.AutoUserNs
	o.HostGIDMapping = o.HostUIDMapping
	return o, chosen, err
}

// maps are those that were given as numbers or as names. Either kind stands for the other.
func (f *usernsFlags) maps(global globals) (uids, gids []specs.LinuxIDMapping, err error) {
	uidMap, gidMap := f.uidMap, f.gidMap
	if len(uidMap)+len(gidMap) == 0 && f.uidMapUser+f.gidMapGroup == "" && !f.asked {
		uidMap, gidMap = global.uidMap, global.gidMap
	}
	if len(uidMap) == 0 && len(gidMap) > 0 && f.uidMapUser == "" {
		return nil, nil, errGroupsAlone
	}
	if uids, err = readMap("userns-uid-map", uidMap); err != nil {
		return nil, nil, err
	}
	if gids, err = readMap("userns-gid-map", gidMap); err != nil {
		return nil, nil, err
	}
	if uids, err = named(uids, "/etc/subuid", cmp.Or(f.uidMapUser, f.gidMapGroup), ownUIDMap); err != nil {
		return nil, nil, err
	}
	if gids, err = named(gids, "/etc/subgid", cmp.Or(f.gidMapGroup, f.uidMapUser), ownGIDMap); err != nil {
		return nil, nil, err
	}
	if len(gids) == 0 {
		gids = uids
	}
	return uids, gids, nil
}

// errGroupsAlone refuses half of a map.
var errGroupsAlone = errors.New("--userns-gid-map needs --userns-uid-map beside it")

func readMap(flag string, texts []string) ([]specs.LinuxIDMapping, error) {
	if len(texts) == 0 {
		return nil, nil
	}
	maps, err := userns.ParseMaps(texts)
	if err == nil {
		err = userns.MapRoot(maps)
	}
	if err != nil {
		return nil, fmt.Errorf("initializing ID mappings: %s setting is %w", flag, err)
	}
	return maps, nil
}

// named gives the maps to the ids of a name, where one was given and no maps were.
func named(given []specs.LinuxIDMapping, file, name, own string) ([]specs.LinuxIDMapping, error) {
	if len(given) > 0 || name == "" {
		return given, nil
	}
	ranges, err := userns.RangesOf(file, name, own)
	if err != nil {
		return nil, fmt.Errorf("initializing ID mappings: %w", err)
	}
	return userns.Follow(ranges), nil
}

// checkOwnMap finds ids that this process cannot give away.
func checkOwnMap(kind string, maps []specs.LinuxIDMapping, own string) error {
	if id, lacks := userns.Lacks(maps, own); lacks {
		return fmt.Errorf("initializing ID mappings: the %s ID %d of the host is not there: `cat %s` lists those that are", kind, id, own)
	}
	return nil
}

func recordMaps(maps []specs.LinuxIDMapping) []builder.IDMap {
	var all []builder.IDMap
	for _, m := range maps {
		all = append(all, builder.IDMap{ContainerID: m.ContainerID, HostID: m.HostID, Size: m.Size})
	}
	return all
}

// parseAuto reads the options of --userns=auto.
func parseAuto(o *builder.IDMappingOptions, details string) error {
	o.AutoUserNs = true
	auto := &o.AutoUserNsOpts
	for part := range strings.SplitSeq(details, ",") {
		key, value, _ := strings.Cut(part, "=")
		var maps []specs.LinuxIDMapping
		var err error
		switch key {
		case "":
			continue
		case "size":
			var n uint64
			if n, err = strconv.ParseUint(value, 10, 32); err != nil || n == 0 {
				return fmt.Errorf("--userns=auto:size=%s: it is a number of IDs", value)
			}
			auto.Size = uint32(n)
		case "uidmapping":
			maps, err = userns.ParseMaps([]string{value})
			auto.AdditionalUIDMappings = append(auto.AdditionalUIDMappings, recordMaps(maps)...)
		case "gidmapping":
			maps, err = userns.ParseMaps([]string{value})
			auto.AdditionalGIDMappings = append(auto.AdditionalGIDMappings, recordMaps(maps)...)
		default:
			return fmt.Errorf("--userns=auto:%s: size, uidmapping and gidmapping are known", part)
		}
		if err != nil {
			return fmt.Errorf("--userns=auto: %s is %w", key, err)
		}
	}
	return nil
}
