package userns

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// ParseMaps reads maps of CONTAINER:HOST:SIZE, one after the other; whatever is no
// digit separates. No id may be in two of them.
func ParseMaps(texts []string) ([]specs.LinuxIDMapping, error) {
	words := strings.FieldsFunc(strings.Join(texts, ","), func(r rune) bool { return r < '0' || r > '9' })
	if len(words)%3 != 0 || len(words) == 0 {
		return nil, fmt.Errorf("malformed expected [\"uint32:uint32:uint32\"]: %q", texts)
	}
	var all []specs.LinuxIDMapping
	for triple := range slices.Chunk(words, 3) {
		var n [3]uint32
		for i, word := range triple {
			v, err := strconv.ParseUint(word, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("malformed expected [\"uint32:uint32:uint32\"]: %q", texts)
			}
			n[i] = uint32(v)
		}
		all = append(all, specs.LinuxIDMapping{ContainerID: n[0], HostID: n[1], Size: n[2]})
	}
	return all, checkMaps(all)
}

// checkMaps finds what the kernel would refuse with no word of a reason.
func checkMaps(all []specs.LinuxIDMapping) error {
	for i, m := range all {
		if m.Size == 0 || m.ContainerID > math.MaxUint32-m.Size || m.HostID > math.MaxUint32-m.Size {
			return fmt.Errorf("wrong: a map of %d ids from %d to %d is none that the kernel takes", m.Size, m.ContainerID, m.HostID)
		}
		for _, o := range all[:i] {
			if m.ContainerID < o.ContainerID+o.Size && o.ContainerID < m.ContainerID+m.Size || m.HostID < o.HostID+o.Size && o.HostID < m.HostID+m.Size {
				return fmt.Errorf("wrong: the maps from %d and from %d overlap", o.ContainerID, m.ContainerID)
			}
		}
	}
	return nil
}

// MapRoot refuses maps under which nobody is root.
func MapRoot(all []specs.LinuxIDMapping) error {
	if slices.ContainsFunc(all, func(m specs.LinuxIDMapping) bool { return m.ContainerID == 0 }) {
		return nil
	}
	return errors.New("incomplete: no map says which id root of the container has: one begins with 0")
}

// RangesOf gives what a file such as /etc/subuid sets aside for a name, in the ids of
// our own namespace: what that lacks is left out.
func RangesOf(file, name, ownMap string) ([]Range, error) {
	ranges, err := readRanges(file, name, -1)
	if err != nil {
		return nil, err
	}
	own, err := OwnMap(ownMap)
	if err != nil {
		return nil, err
	}
	inside := Inside(ranges, own)
	if len(inside) == 0 {
		return nil, fmt.Errorf("%s sets no ids aside for %q that can be had here", file, name)
	}
	return inside, nil
}

// OwnMap reads a map of this process: /proc/self/uid_map or gid_map.
func OwnMap(file string) ([]specs.LinuxIDMapping, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading our id maps: %w", err)
	}
	return parseOwnMap(string(data))
}

func parseOwnMap(text string) ([]specs.LinuxIDMapping, error) {
	var all []specs.LinuxIDMapping
	for line := range strings.Lines(text) {
		var m specs.LinuxIDMapping
		if _, err := fmt.Sscan(line, &m.ContainerID, &m.HostID, &m.Size); err != nil {
			return nil, fmt.Errorf("reading our id maps: %w", err)
		}
		all = append(all, m)
	}
	return all, nil
}

// Inside translates ranges of outer ids to those that they have under a map.
func Inside(ranges []Range, own []specs.LinuxIDMapping) []Range {
	var all []Range
	for _, r := range ranges {
		for _, m := range own {
			first, end := max(r.Start, m.HostID), min(uint64(r.Start)+uint64(r.Size), uint64(m.HostID)+uint64(m.Size))
			if uint64(first) < end {
				all = append(all, Range{first - m.HostID + m.ContainerID, uint32(end - uint64(first))})
			}
		}
	}
	return all
}

// Follow maps the ids from 0 on to ranges, one after the other.
func Follow(ranges []Range) []specs.LinuxIDMapping {
	var all []specs.LinuxIDMapping
	next := uint32(0)
	for _, r := range ranges {
		if next+r.Size < next || overlaps(all, r) {
			continue
		}
		all = append(all, specs.LinuxIDMapping{ContainerID: next, HostID: r.Start, Size: r.Size})
		next += r.Size
	}
	return all
}

// Lacks gives a host id of maps that our own namespace does not have; ok is false if
// it has them all.
func Lacks(maps []specs.LinuxIDMapping, ownMap string) (id uint32, ok bool) {
	own, err := OwnMap(ownMap)
	if err != nil {
		return 0, false
	}
	for _, m := range maps {
		for next, end := uint64(m.HostID), uint64(m.HostID)+uint64(m.Size); next < end; {
			i := slices.IndexFunc(own, func(o specs.LinuxIDMapping) bool {
				return next >= uint64(o.ContainerID) && next < uint64(o.ContainerID)+uint64(o.Size)
			})
			if i < 0 {
				return uint32(next), true
			}
			next = uint64(own[i].ContainerID) + uint64(own[i].Size)
		}
	}
	return 0, false
}
