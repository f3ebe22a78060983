package userns

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
)

func TestParseMaps(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0:1000:1,1:100000:65536": "",
		"0-5-1/2 7 1":             "",
		"":                        "malformed",
		"a":                       "malformed",
		"0:1":                     "malformed",
		"0:1:4294967296":          "malformed",
		"0:1:0":                   "none that the kernel takes",
		"0:4294967295:1":          "none that the kernel takes",
		"0:1:5,4:100:1":           "overlap",
		"0:1:5,9:5:1":             "overlap",
	} {
		maps, err := ParseMaps(strings.Split(text, ","))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, %v", text, maps, err)
		}
	}
	maps, err := ParseMaps([]string{"0:1000:1", "1:100000:65536"})
	if diff := cmp.Diff([]specs.LinuxIDMapping{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 65536}}, maps); diff != "" || err != nil {
		t.Error(err, diff)
	}
	if MapRoot(maps) != nil || MapRoot(maps[1:]) == nil {
		t.Error("it is not noticed whether root is mapped")
	}
}

func FuzzParseMaps(f *testing.F) {
	f.Add("0:1000:1,1:100000:65536")
	f.Add("4294967295:0:1")
	f.Fuzz(func(t *testing.T, text string) {
		maps, err := ParseMaps([]string{text})
		if err != nil {
			return
		}
		for _, m := range maps {
			if m.Size == 0 || uint64(m.ContainerID)+uint64(m.Size) > 1<<32-1 || uint64(m.HostID)+uint64(m.Size) > 1<<32-1 {
				t.Fatalf("%q: %v", text, maps)
			}
		}
	})
}

func TestInsideAndLacks(t *testing.T) {
	t.Parallel()
	const text = "         0       1000          1\n         1     100000      65536\n"
	own, err := parseOwnMap(text)
	if err != nil {
		t.Fatal(err)
	}
	got := Inside([]Range{{99990, 20}, {1000, 1}, {165535, 100}, {5, 5}}, own)
	if diff := cmp.Diff([]Range{{1, 10}, {0, 1}, {65536, 1}}, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]specs.LinuxIDMapping{{HostID: 1, Size: 10}, {ContainerID: 10, HostID: 0, Size: 1}}, Follow([]Range{{1, 10}, {0, 1}, {5, 2}})); diff != "" {
		t.Error(diff)
	}
	file := filepath.Join(t.TempDir(), "uid_map")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if id, lacks := Lacks([]specs.LinuxIDMapping{{HostID: 0, Size: 65537}}, file); lacks {
		t.Errorf("%d is said to be missing", id)
	}
	if id, lacks := Lacks([]specs.LinuxIDMapping{{HostID: 5, Size: 65533}}, file); !lacks || id != 65537 {
		t.Errorf("%d, %v instead of the first id after the last", id, lacks)
	}
}
