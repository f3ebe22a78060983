package transfer

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

func TestLookup(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.registries(t, `unqualified-search-registries = ["search.example"]
[aliases]
"nick" = "alias.example/real"
`)
	ids, digests := map[string]string{}, map[string]string{}
	for _, name := range []string{
		"localhost/mine:latest", "docker.io/library/hub:1", "search.example/found:latest", "alias.example/real:3",
		"deep.example/team/tools/app:9", "localhost/both:latest", "docker.io/library/both:latest",
	} {
		ids[name] = testenv.BaseImage(t, f.Store, name, testenv.Files{"f": name})
		img, err := f.Store.Image(ids[name])
		must(t, err)
		digests[name] = img.Digest.String()
	}
	mine := "localhost/mine:latest"
	for name, tc := range map[string]struct{ ask, want, matched string }{
		"full name":                 {mine, mine, mine},
		"full name, no tag":         {"localhost/mine", mine, mine},
		"short name at localhost":   {"mine", mine, mine},
		"short name at the hub":     {"hub:1", "docker.io/library/hub:1", ""},
		"localhost before the hub":  {"both", "localhost/both:latest", ""},
		"search registry":           {"found", "search.example/found:latest", ""},
		"alias with a tag":          {"nick:3", "alias.example/real:3", ""},
		"end of a longer path":      {"tools/app:9", "deep.example/team/tools/app:9", ""},
		"full ID":                   {ids[mine], mine, mine},
		"ID as a digest":            {"sha256:" + ids[mine], mine, mine},
		"prefix of the ID":          {ids[mine][:12], mine, mine},
		"manifest digest":           {digests[mine], mine, mine},
		"name and digest":           {"localhost/mine@" + digests[mine], mine, "localhost/mine@" + digests[mine]},
		"the digest beats the tag":  {"localhost/mine:nosuch@" + digests[mine], mine, "localhost/mine@" + digests[mine]},
		"short name and digest":     {"mine@" + digests[mine], mine, "localhost/mine@" + digests[mine]},
		"store transport":           {"containers-storage:localhost/mine", mine, mine},
		"store transport with ID":   {"containers-storage:@" + ids[mine], mine, mine},
		"other tag is unknown":      {"mine:2", "", ""},
		"part of a component":       {"pp:9", "", ""},
		"digest of another image":   {"localhost/mine@" + digests["docker.io/library/hub:1"], "", ""},
		"unknown ID":                {strings.Repeat("0", 64), "", ""},
		"unknown prefix":            {"0000", "", ""},
		"unknown":                   {"nosuch", "", ""},
		"unknown with a registry":   {"localhost:5000/nosuch", "", ""},
		"docker, a name with a tag": {"docker:nosuch", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			img, matched, err := f.Lookup(tc.ask, LookupOptions{})
			if tc.want == "" {
				if !errors.Is(err, store.ErrImageUnknown) {
					t.Errorf("%q: got %q, %v", tc.ask, img.ID, err)
				}
				return
			}
			if err != nil || img.ID != ids[tc.want] {
				t.Errorf("%q: got %q, %v; want %q", tc.ask, img.ID, err, tc.want)
			}
			if tc.matched == "" {
				tc.matched = tc.want
			}
			if diff := cmp.Diff(tc.matched, matched); diff != "" {
				t.Errorf("%q matched:\n%s", tc.ask, diff)
			}
		})
	}
	for _, bad := range []string{"UPPER", "sha256:short", "dir:/tmp", "a b", ""} {
		if _, _, err := f.Lookup(bad, LookupOptions{}); err == nil {
			t.Errorf("%q was found", bad)
		}
	}
}

func TestLookupPlatform(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"}, func(i *imgspec.Image) { i.Architecture = "s390x" })
	if _, _, err := f.Lookup("app", LookupOptions{Platform: Platform{OS: "linux", Arch: "s390x"}}); err != nil {
		t.Error(err)
	}
	if _, _, err := f.Lookup("app", LookupOptions{Platform: Platform{OS: "linux", Arch: "ppc64le"}}); !errors.Is(err, store.ErrImageUnknown) {
		t.Errorf("another platform: %v", err)
	}
}

func TestNewNames(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	f.registries(t, "[aliases]\n\"nick\" = \"alias.example/real\"\n")
	for ask, want := range map[string][2]string{ // as a commit's destination, as another tag
		"app":                    {"localhost/app:latest", "localhost/app:latest"},
		"app:1":                  {"localhost/app:1", "localhost/app:1"},
		"team/app":               {"localhost/team/app:latest", "localhost/team/app:latest"},
		"nick":                   {"alias.example/real:latest", "localhost/nick:latest"},
		"nick:7":                 {"alias.example/real:7", "localhost/nick:7"},
		"localhost/x":            {"localhost/x:latest", "localhost/x:latest"},
		"localhost:5000/x":       {"localhost:5000/x:latest", "localhost:5000/x:latest"},
		"docker.io/x":            {"docker.io/library/x:latest", "docker.io/library/x:latest"},
		"quay.io/a/b:c":          {"quay.io/a/b:c", "quay.io/a/b:c"},
		"containers-storage:app": {"localhost/app:latest", "localhost/app:latest"},
		"docker:dind":            {"localhost/docker:dind", "localhost/docker:dind"},
		"UPPER":                  {}, "a@b": {}, "dir:/tmp/x": {}, "": {}, "docker://x": {},
		strings.Repeat("a", 64):                          {},
		"quay.io/x@sha256:" + strings.Repeat("0", 64):    {},
		"quay.io/x/" + strings.Repeat("y", 300) + ":tag": {},
	} {
		got, err := f.NormalizeNew(ask)
		if (err == nil) != (want[0] != "") || got != want[0] {
			t.Errorf("NormalizeNew(%q) = %q, %v; want %q", ask, got, err, want[0])
		}
		got, err = f.NormalizeTag(ask)
		if (err == nil) != (want[1] != "") || got != want[1] {
			t.Errorf("NormalizeTag(%q) = %q, %v; want %q", ask, got, err, want[1])
		}
	}
}

func TestParseDestination(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	for ask, want := range map[string]Destination{
		"app":                         {Transport: "containers-storage", Name: "localhost/app:latest", Store: true},
		"containers-storage:app":      {Transport: "containers-storage", Name: "docker.io/library/app:latest", Store: true},
		"docker:dind":                 {Transport: "containers-storage", Name: "localhost/docker:dind", Store: true},
		"docker://quay.io/x":          {Transport: "docker"},
		"oci:/tmp/x:y":                {Transport: "oci"},
		"oci-archive:/tmp/x.tar":      {Transport: "oci-archive"},
		"docker-archive:/tmp/x.tar":   {Transport: "docker-archive"},
		"dir:/tmp/x":                  {Transport: "dir"},
		"docker-daemon:app:latest":    {Transport: "docker-daemon"},
		"docker://UPPER/X":            {},
		"docker-daemon:":              {},
		"containers-storage:UPPER/xY": {},
	} {
		got, err := f.ParseDestination(ask)
		if want.Transport == "" {
			if err == nil {
				t.Errorf("%q was accepted", ask)
			}
			continue
		}
		if diff := cmp.Diff(want, got); err != nil || diff != "" {
			t.Errorf("%q: %v\n%s", ask, err, diff)
		}
	}
}
