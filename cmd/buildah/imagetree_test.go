package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/builder"
)

func TestImageForest(t *testing.T) {
	t.Parallel()
	shape := func(forest []*imageBranch) string {
		var text func(list []*imageBranch) string
		text = func(list []*imageBranch) (s string) {
			for _, b := range list {
				s += b.ID
				if len(b.Children) > 0 {
					s += "(" + text(b.Children) + ")"
				}
			}
			return s
		}
		return text(forest)
	}
	for name, test := range map[string]struct {
		list []builder.ImageInfo
		want string
	}{
		"nothing":                          {nil, ""},
		"two on one":                       {[]builder.ImageInfo{{ID: "c", Parent: "a"}, {ID: "b", Parent: "a"}, {ID: "a"}}, "a(cb)"},
		"a parent that is not in the list": {[]builder.ImageInfo{{ID: "b", Parent: "a"}}, "b"},
		"a chain":                          {[]builder.ImageInfo{{ID: "c", Parent: "b"}, {ID: "b", Parent: "a"}, {ID: "a"}}, "a(b(c))"},
		"images that stand on each other":  {[]builder.ImageInfo{{ID: "a", Parent: "b"}, {ID: "b", Parent: "a"}}, "ab"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, shape(imageForest(test.list, false))); diff != "" {
				t.Error(diff)
			}
		})
	}
	got := imageForest([]builder.ImageInfo{{ID: "b", Parent: "a", Size: 12}, {ID: "a", Size: 5}}, false)
	if adds := got[0].Children[0].Adds; adds != 7 {
		t.Errorf("the image adds %d bytes", adds)
	}
}
