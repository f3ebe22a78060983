package userns

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
)

// Range is a piece of ids that a user may use besides their own.
type Range struct{ Start, Size uint32 }

// ParseRanges reads the ranges of a user from the content of /etc/subuid or
// /etc/subgid: lines of NAME-OR-ID:START:SIZE. Other lines are passed over, as
// newuidmap does.
func ParseRanges(data []byte, name string, id int) []Range {
	var result []Range
	lines := bufio.NewScanner(bytes.NewReader(data))
	for lines.Scan() {
		fields := strings.Split(strings.TrimSpace(lines.Text()), ":")
		if len(fields) != 3 || fields[0] == "" || fields[0] != name && fields[0] != strconv.Itoa(id) {
			continue
		}
		start, err := strconv.ParseUint(fields[1], 10, 32)
		if err != nil {
			continue
		}
		size, err := strconv.ParseUint(fields[2], 10, 32)
		if err != nil || size == 0 || start+size > math.MaxUint32 {
			continue
		}
		result = append(result, Range{uint32(start), uint32(size)})
	}
	return result
}

// Map maps 0 to an id, and what follows to ranges, one after the other. A range
// that overlaps what is mapped already is left out: the kernel takes no such map.
func Map(id int, ranges []Range) []specs.LinuxIDMapping {
	result := []specs.LinuxIDMapping{{ContainerID: 0, HostID: uint32(id), Size: 1}}
	next := uint32(1)
	for _, r := range ranges {
		if next+r.Size < next || overlaps(result, r) {
			continue
		}
		result = append(result, specs.LinuxIDMapping{ContainerID: next, HostID: r.Start, Size: r.Size})
		next += r.Size
	}
	return result
}

func overlaps(maps []specs.LinuxIDMapping, r Range) bool {
	for _, m := range maps {
		if r.Start < m.HostID+m.Size && m.HostID < r.Start+r.Size {
			return true
		}
	}
	return false
}

// readRanges reads the ranges of a user from a file. Without the file there are none.
func readRanges(path, name string, id int) ([]Range, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the ids set aside for %q: %w", name, err)
	}
	return ParseRanges(data, name, id), nil
}
