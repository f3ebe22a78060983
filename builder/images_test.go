package builder

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/testenv"
)

// TestImageFilterParsing holds what is refused, and what contradicts itself.
func TestImageFilterParsing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"dangling=true":                            "",
		"dangling!=false dangling=true":            "",
		"dangling=1 dangling=t":                    "",
		"reference=a reference=b reference!=c":     "",
		"label=a=b label=a=c id=1 digest=sha256:1": "",
		"dangling=true dangling=false":             "as true and as false",
		"dangling=true dangling!=true":             "as true and as false",
		"readonly=true label=x readonly=0":         "as true and as false",
		"containers=external":                      "external",
		"dangling=maybe":                           "maybe",
		"intermediate=":                            "not true or false",
		"nonsense=1":                               "nonsense",
		"dangling":                                 "key=value",
		"":                                         "key=value",
		"digest=1234":                              "sha256:",
		"=x":                                       "unsupported",
		"manifest=true manifest!=false manifest=false": "as true and as false",
	} {
		items := strings.Split(text, " ")
		_, err := parseImageFilters(items)
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "":
			wantError(t, err, want)
		}
	}
}

func TestMatchesReference(t *testing.T) {
	t.Parallel()
	const name = "quay.io/team/app:v1"
	for pattern, want := range map[string]bool{
		name: true, "quay.io/team/app": true, "app": true, "app:v1": true, "team/app": true, "team/app:v1": true, "a*": true, "*:v1": true,
		"quay.io/*/app": true, "app:v2": false, "ap": false, "quay.io/*": false, "": false, "[": false, "other/app": false, "*": true, "pp": false,
	} {
		if got := matchesReference(pattern, name); got != want {
			t.Errorf("%q: got %v, want %v", pattern, got, want)
		}
	}
	if !matchesReference("localhost:5000/a", "localhost:5000/a:1") || matchesReference("x", "Not A Name") {
		t.Error("a registry with a port, or a broken name")
	}
}

func TestWild(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"", "", true},
		{"a", "a", true},
		{"a", "ab", false},
		{"*", "", true},
		{"a*", "abc", true},
		{"*c", "abc", true},
		{"a*c", "abc", true},
		{"a*b*c", "axbxc", true},
		{"a*b*c", "axc", false},
		{"**", "x", true},
		{"", "x", false},
		{"a*", "b", false},
	} {
		if got := wild(c.pattern, c.text); got != c.want {
			t.Errorf("wild(%q, %q) = %v", c.pattern, c.text, got)
		}
	}
}

func TestParseUntil(t *testing.T) {
	t.Parallel()
	now := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for text, want := range map[string]time.Time{
		"1h": now.Add(-time.Hour), "-1h": now.Add(time.Hour), "1700000000": fixedTime(), "2024-01-02": time.Date(2024, 1, 2, 0, 0, 0, 0, time.UTC),
		"2024-01-02T03:04:05Z": time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC), "2024-01-02T03:04:05.5+01:00": time.Date(2024, 1, 2, 2, 4, 5, 5e8, time.UTC),
	} {
		if got, err := parseUntil(text, now); err != nil || !got.Equal(want) {
			t.Errorf("%q: got %v, %v, want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "2024-13-01"} {
		_, err := parseUntil(text, now)
		wantError(t, err, "neither a time nor a duration")
	}
}

// gallery is a store with images of every sort. It gives their IDs by nicknames.
//
//	old (named) <- middle (unnamed) <- top (named), a container on top
//	lonely: unnamed, nothing on it; twice: two names; configured: same layers as old
func (v *env) gallery() map[string]string {
	v.t.Helper()
	ids := map[string]string{}
	at := func(seconds int64) func(*CommitOptions) {
		when := time.Unix(1710000000+seconds, 0)
		return func(o *CommitOptions) { o.Times.Timestamp = &when }
	}
	ids["old"] = v.image("old", testenv.Files{"f": "old"}, func(i *imgspec.Image) { i.Config.Labels = map[string]string{"who": "old", "what": "x=y"} })
	b := v.from("old", owned)
	v.write(b, "middle", "")
	middle := v.commit(b, "", at(10))
	ids["middle"] = middle.ID
	b = try(v.Start(v.t.Context(), middle.State, FromOptions{Owned: true}))(v.t)
	v.write(b, "top", "")
	ids["top"] = v.commit(b, "top", at(20)).ID
	v.from("top", named("user"))
	b = v.from(Scratch, owned)
	v.write(b, "lonely", "")
	ids["lonely"] = v.commit(b, "", at(30)).ID
	b = v.from(Scratch, owned)
	v.write(b, "twice", "")
	ids["twice"] = v.commit(b, "twice:1", at(40), func(o *CommitOptions) { o.Tags = []string{"second"} }).ID
	return ids
}

// nicknames gives the words of IDs, sorted.
func nicknames(ids map[string]string, found []string) string {
	var words []string
	for word, id := range ids {
		if slices.Contains(found, id) {
			words = append(words, word)
		}
	}
	slices.Sort(words)
	return strings.Join(words, " ")
}

func idsOf(list []ImageInfo) (ids []string) {
	for _, i := range list {
		ids = append(ids, i.ID)
	}
	return ids
}

// TestListImages holds every filter, alone and together (spec commands.md 3.7.1).
func TestListImages(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	ids := v.gallery()
	digest := try(v.Store.Image(ids["top"]))(t).Digest.String()
	for filter, want := range map[string]string{
		"":                                "lonely old top twice",
		"dangling=true":                   "lonely",
		"dangling=false":                  "old top twice",
		"dangling!=true":                  "old top twice",
		"intermediate=true":               "middle",
		"intermediate=false":              "lonely old top twice",
		"containers=true":                 "top",
		"containers=false":                "lonely old twice",
		"readonly=true":                   "",
		"manifest=true":                   "",
		"manifest!=true":                  "lonely old top twice",
		"id=" + ids["old"][:9]:            "old",
		"id=sha256:" + ids["old"]:         "old",
		"digest=" + digest[:20]:           "top",
		"label=who":                       "old top",
		"label=who=old":                   "old top",
		"label=who=n*":                    "",
		"label=w*=x*y":                    "old top",
		"label!=who":                      "lonely twice",
		"reference=t*":                    "top twice",
		"reference=top reference=old":     "old top",
		"reference=t* reference!=top":     "twice",
		"reference=localhost/twice:1":     "twice",
		"before=top":                      "old",
		"since=top":                       "lonely twice",
		"after=localhost/twice:1":         "",
		"since=old before=twice:1":        "lonely top",
		"until=1710000025":                "old top",
		"until!=1710000025":               "lonely twice",
		"until=100h":                      "lonely old top twice",
		"dangling=false containers=false": "old twice",
		"dangling=true reference=top":     "",
		"intermediate=true since=old":     "middle",
	} {
		var filters []string
		if filter != "" {
			filters = strings.Split(filter, " ")
		}
		list, err := v.ListImages(t.Context(), ListOptions{Filters: filters})
		if got := nicknames(ids, idsOf(list)); got != want || err != nil {
			t.Errorf("%q: got %q, %v, want %q", filter, got, err, want)
		}
	}
	all := try(v.ListImages(t.Context(), ListOptions{All: true}))(t)
	var order []string
	for _, i := range all {
		order = append(order, nicknames(ids, []string{i.ID}))
		if i.Size <= 0 {
			t.Errorf("%q has the size %d", i.ID, i.Size)
		}
	}
	if diff := cmp.Diff([]string{"twice", "lonely", "top", "middle", "old"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	one := try(v.ListImages(t.Context(), ListOptions{Image: ids["middle"][:12], NoSize: true}))(t)
	if got := nicknames(ids, idsOf(one)); got != "middle" || one[0].Size != 0 || one[0].Children != 1 || !one[0].Intermediate() {
		t.Errorf("one image: %q, %+v", got, one)
	}
	for _, o := range []ListOptions{{Image: "localhost/none:1"}, {Filters: []string{"before=localhost/none:1"}}, {Filters: []string{"until=soon"}}} {
		if _, err := v.ListImages(t.Context(), o); err == nil {
			t.Errorf("%+v: no error", o)
		}
	}
}

// TestContainerFilters holds the filters of the listing of containers.
func TestContainerFilters(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	image := v.image("team/app:v1", smallFiles())
	v.from("localhost/team/app:v1", named("one"))
	two := v.from(Scratch, named("two"))
	v.foreign("pod", image)
	for filter, want := range map[string]string{
		"": "one pod two", "name=o": "one pod two", "name=ne": "one", "id=" + two.ID()[:10]: "two", "ancestor=app": "one pod", "ancestor=app:v1": "one pod",
		"ancestor=app:v2": "", "ancestor=team/app": "one pod", "ancestor=" + image[:10]: "one pod", "ancestor=scratch": "two", "ancestor=pp": "",
		"ancestor=app,name=one": "one", "name=one,name=two": "", "ancestor=localhost/team/app:v1": "one pod",
	} {
		keep := try(ContainerFilter(filter))(t)
		var got []string
		for _, c := range try(v.ListContainers(true))(t) {
			if keep(c) {
				got = append(got, c.Name)
			}
		}
		slices.Sort(got)
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%q: got %q, want %q", filter, text, want)
		}
	}
	for _, text := range []string{"x", "color=red", "name=a,", "name=a,b"} {
		if _, err := ContainerFilter(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	// The image's name is gone, then the image itself.
	if err := v.Store.RemoveImageName(image, "localhost/team/app:v1"); err != nil {
		t.Fatal(err)
	}
	for _, c := range try(v.ListContainers(false))(t) {
		if want := map[string]string{"one": "", "two": Scratch}[c.Name]; c.ImageName != want || !c.Ours {
			t.Errorf("%+v, want the image %q", c, want)
		}
	}
}

func TestTag(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	one, two := v.image("one", testenv.Files{"f": "1"}), v.image("two", testenv.Files{"f": "2"})
	if err := v.Tag("one", []string{"more", "quay.io/x/y:z", "two"}); err != nil {
		t.Fatal(err)
	}
	got := try(v.Store.Image(one))(t).Names
	slices.Sort(got)
	if diff := cmp.Diff([]string{"localhost/more:latest", "localhost/one:latest", "localhost/two:latest", "quay.io/x/y:z"}, got); diff != "" {
		t.Error(diff)
	}
	if names := try(v.Store.Image(two))(t).Names; len(names) != 0 {
		t.Errorf("the former holder still has %q", names)
	}
	for _, name := range []string{"Upper", "a@sha256:" + strings.Repeat("0", 64), "", one} {
		if err := v.Tag("one", []string{"fine", name}); err == nil {
			t.Errorf("%q was taken", name)
		}
	}
	if err := v.Tag("localhost/none:1", []string{"x"}); !errors.Is(err, ErrImageUnknown) {
		t.Errorf("an unknown image: %v", err)
	}
	if _, err := v.Store.Image("localhost/fine:latest"); err == nil {
		t.Error("a name was given though another was refused")
	}
}
