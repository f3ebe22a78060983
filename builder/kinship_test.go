package builder

import "testing"

// TestImageSizes holds that what records tell is what the storage library measures.
func TestImageSizes(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base:1", smallFiles())
	b := v.from("localhost/base:1", named("one"))
	try(b.Commit(t.Context(), "localhost/second:1", CommitOptions{}))(t)
	sizes := try(v.Store.ImageSizes())(t)
	images := try(v.Store.Images())(t)
	for _, img := range images {
		want := try(v.Store.Raw().ImageSize(img.ID))(t)
		if got := try(sizes.Of(img.ID))(t); got != want || got == 0 {
			t.Errorf("image %v: %d bytes, want %d", img.Names, got, want)
		}
	}
	if len(images) != 2 {
		t.Errorf("%d images", len(images))
	}
	if _, err := sizes.Of("none"); err == nil {
		t.Error("an image that is not there has a size")
	}
}

// TestKinOfNamedImages holds that it is found out only if asked.
func TestKinOfNamedImages(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	base := v.image("base:1", smallFiles())
	b := v.from("localhost/base:1", named("one"))
	middle := try(b.Commit(t.Context(), "", CommitOptions{}))(t)
	top := try(v.from("localhost/base:1", named("two")).Commit(t.Context(), "localhost/top:1", CommitOptions{Squash: false}))(t)
	for _, kin := range []bool{false, true} {
		for _, img := range try(v.ListImages(t.Context(), ListOptions{All: true, Kin: kin}))(t) {
			want := ""
			if kin && img.ID != base {
				want = base
			}
			if img.Parent != want {
				t.Errorf("kin %v: the parent of %q is %q, want %q", kin, img.ID, img.Parent, want)
			}
		}
	}
	if middle.ID == top.ID {
		t.Skip("both containers made the same image")
	}
}
