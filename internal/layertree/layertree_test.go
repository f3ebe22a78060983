package layertree

import (
	"archive/tar"
	"math"
	"strconv"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func file(name string, size int64) Entry {
	return Entry{Name: name, Kind: tar.TypeReg, Size: size, Mode: 0o644}
}

func dir(name string) Entry { return Entry{Name: name, Kind: tar.TypeDir, Mode: 0o755} }

func link(name, to string) Entry { return Entry{Name: name, Kind: tar.TypeLink, Link: to} }

func gone(name string) Entry { return Entry{Name: name, Kind: tar.TypeReg} }

func TestSurvey(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		layers    [][]Entry
		want      []Layer
		files     []File
		whiteouts []Whiteout
	}{
		"no layers": {},
		"a file that is removed": {
			layers:    [][]Entry{{dir("d/"), file("d/f", 7)}, {dir("d/"), gone("d/.wh.f")}},
			want:      []Layer{{Size: 7, Added: 2, Hidden: 7}, {Removed: 1}},
			files:     []File{{Path: "/d/f", Size: 7, Layer: 1, HiddenBy: 2, How: Removed}},
			whiteouts: []Whiteout{{Path: "/d/f", Layer: 2, Entries: 1, Size: 7}},
		},
		"a file that is replaced, and again in the same layer": {
			layers: [][]Entry{{file("f", 7)}, {file("./f", 5), file("/f", 4)}},
			want:   []Layer{{Size: 7, Added: 1, Hidden: 7}, {Size: 9, Changed: 1, Hidden: 5}},
			files: []File{
				{Path: "/f", Size: 7, Layer: 1, HiddenBy: 2, How: Replaced},
				{Path: "/f", Size: 5, Layer: 2, HiddenBy: 2, How: Replaced},
				{Path: "/f", Size: 4, Layer: 2},
			},
		},
		"a directory that goes with all that is in it": {
			layers:    [][]Entry{{dir("d"), dir("d/e"), file("d/e/f", 7), file("d/g", 1)}, {gone(".wh.d")}},
			want:      []Layer{{Size: 8, Added: 4, Hidden: 8}, {Removed: 1}},
			files:     []File{{Path: "/d/e/f", Size: 7, Layer: 1, HiddenBy: 2, How: Removed}, {Path: "/d/g", Size: 1, Layer: 1, HiddenBy: 2, How: Removed}},
			whiteouts: []Whiteout{{Path: "/d", Layer: 2, Entries: 4, Size: 8}},
		},
		"an opaque directory keeps what its own layer has, wherever the mark stands": {
			layers:    [][]Entry{{dir("d"), file("d/f", 7)}, {dir("d"), file("d/new", 2), gone("d/.wh..wh..opq"), file("d/f", 3)}},
			want:      []Layer{{Size: 7, Added: 2, Hidden: 7}, {Size: 5, Added: 2, Removed: 1}},
			files:     []File{{Path: "/d/f", Size: 7, Layer: 1, HiddenBy: 2, How: Removed}, {Path: "/d/f", Size: 3, Layer: 2}, {Path: "/d/new", Size: 2, Layer: 2}},
			whiteouts: []Whiteout{{Path: "/d", Layer: 2, Opaque: true, Entries: 1, Size: 7}},
		},
		"a whiteout after a file of its layer": {
			layers:    [][]Entry{{file("f", 7)}, {file("f", 3), gone(".wh.f")}},
			want:      []Layer{{Size: 7, Added: 1, Hidden: 7}, {Size: 3, Changed: 1, Removed: 1}},
			files:     []File{{Path: "/f", Size: 7, Layer: 1, HiddenBy: 2, How: Replaced}, {Path: "/f", Size: 3, Layer: 2}},
			whiteouts: []Whiteout{{Path: "/f", Layer: 2}},
		},
		"content stays while it has a name": {
			layers: [][]Entry{{file("a", 7), link("b", "a")}, {gone(".wh.a")}, {gone(".wh.b")}},
			want:   []Layer{{Size: 7, Added: 2, Hidden: 7}, {Removed: 1}, {Removed: 1}},
			files:  []File{{Path: "/a", Size: 7, Layer: 1, HiddenBy: 3, How: Removed}},
			whiteouts: []Whiteout{
				{Path: "/b", Layer: 3, Entries: 1, Size: 7},
				{Path: "/a", Layer: 2, Entries: 1},
			},
		},
		"content is called by a name that is left": {
			layers:    [][]Entry{{file("a", 7), link("b", "a"), link("c", "a")}, {gone(".wh.a"), file("b", 1)}},
			want:      []Layer{{Size: 7, Added: 3}, {Size: 1, Changed: 1, Removed: 1}},
			files:     []File{{Path: "/c", Size: 7, Layer: 1}, {Path: "/b", Size: 1, Layer: 2}},
			whiteouts: []Whiteout{{Path: "/a", Layer: 2, Entries: 1}},
		},
		"a file in the place of a directory, and a directory in the place of a file": {
			layers: [][]Entry{{dir("d"), file("d/f", 7), file("g", 1)}, {file("d", 2), dir("g"), file("g/h", 3)}},
			want:   []Layer{{Size: 8, Added: 3, Hidden: 8}, {Size: 5, Added: 1, Changed: 2}},
			files: []File{
				{Path: "/d/f", Size: 7, Layer: 1, HiddenBy: 2, How: Replaced},
				{Path: "/g/h", Size: 3, Layer: 2},
				{Path: "/d", Size: 2, Layer: 2},
				{Path: "/g", Size: 1, Layer: 1, HiddenBy: 2, How: Replaced},
			},
		},
		"a directory with another mode, and one with the same": {
			layers: [][]Entry{{dir("d"), dir("e")}, {{Name: "d", Kind: tar.TypeDir, Mode: 0o700}, dir("e")}},
			want:   []Layer{{Added: 2}, {Changed: 1}},
		},
		"links and whiteouts of what is not there, notes of aufs, the root": {
			layers:    [][]Entry{{dir("./"), link("a", "none"), gone("x/.wh.y"), gone(".wh..wh.plnk"), {Name: "g", Kind: tar.TypeXGlobalHeader}}},
			want:      []Layer{{Added: 1, Removed: 1}},
			whiteouts: []Whiteout{{Path: "/x/y", Layer: 1}},
		},
		"a directory that is removed again and again, also by the next layer": {
			layers: [][]Entry{
				{dir("d"), file("d/f", 7)},
				{file("d", 1), dir("d"), file("d/g", 2)},
				{gone("d/.wh..wh..opq"), gone("d/.wh..wh..opq"), file("d/h", 4), gone(".wh.d")},
			},
			want: []Layer{{Size: 7, Added: 2, Hidden: 7}, {Size: 3, Added: 1, Changed: 1, Hidden: 3}, {Size: 4, Added: 1, Removed: 3}},
			files: []File{
				{Path: "/d/f", Size: 7, Layer: 1, HiddenBy: 2, How: Replaced},
				{Path: "/d/h", Size: 4, Layer: 3},
				{Path: "/d/g", Size: 2, Layer: 2, HiddenBy: 3, How: Removed},
				{Path: "/d", Size: 1, Layer: 2, HiddenBy: 2, How: Replaced},
			},
			whiteouts: []Whiteout{
				{Path: "/d", Layer: 3, Opaque: true, Entries: 1, Size: 2}, {Path: "/d", Layer: 3, Entries: 1}, {Path: "/d", Layer: 3, Opaque: true},
			},
		},
		"only regular files have bytes": {
			layers: [][]Entry{{{Name: "p", Kind: tar.TypeFifo, Size: 7}, {Name: "c", Kind: tar.TypeChar, Size: 7}, {Name: "b", Kind: tar.TypeBlock, Size: 7}}},
			want:   []Layer{{Added: 3}},
		},
		"nothing leads out of the root": {
			layers: [][]Entry{{file("../../f", 1), file("a/../g", 1)}},
			want:   []Layer{{Size: 2, Added: 2}},
			files:  []File{{Path: "/f", Size: 1, Layer: 1}, {Path: "/g", Size: 1, Layer: 1}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var s Survey
			for _, l := range test.layers {
				if err := s.Add(l); err != nil {
					t.Fatal(err)
				}
			}
			for _, diff := range []string{
				cmp.Diff(test.want, s.Layers()), cmp.Diff(test.files, none(s.Largest(9))), cmp.Diff(test.whiteouts, none(s.Whiteouts(9))),
			} {
				if diff != "" {
					t.Error(diff)
				}
			}
		})
	}
}

func none[T any](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	return list
}

func TestSurveyRefusesLongPaths(t *testing.T) {
	t.Parallel()
	var s Survey
	if err := s.Add([]Entry{file(string(make([]byte, maxPath+1)), 1)}); err == nil {
		t.Error("a path that nobody can unpack was taken")
	}
}

func TestSurveyRefusesMoreBytesThanCanBeCounted(t *testing.T) {
	t.Parallel()
	var s Survey
	if err := s.Add([]Entry{file("a", math.MaxInt64)}); err != nil {
		t.Fatal(err)
	}
	if err := s.Add([]Entry{file("b", 1)}); err == nil {
		t.Errorf("there are %+v", s.Layers())
	}
}

// If each whiteout went through its directory, this would take minutes.
func TestSurveyOfManyWhiteouts(t *testing.T) {
	t.Parallel()
	const many = 1 << 17
	entries := make([]Entry, 0, 2*many)
	for i := range many {
		entries = append(entries, gone("d/"+strconv.Itoa(i)))
	}
	for range many / 2 {
		entries = append(entries, gone("d/"+whiteoutOpaque), gone(whiteoutPrefix+"d"))
	}
	var s Survey
	if err := s.Add(entries); err != nil {
		t.Fatal(err)
	}
	if got := s.Layers()[0]; got != (Layer{Added: many, Removed: many}) {
		t.Errorf("%+v", got)
	}
}
