package transfer

import (
	"runtime"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/manifest"

	"github.com/projectatomic/buildah/internal/testenv"
)

// TestPinnedListIsNotExchanged asks for a list by its digest where a registry has
// another one under it: whoever reads lists notices.
func TestPinnedListIsNotExchanged(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	mine := f.reg.AddImage(t, "app", "mine", testenv.Files{"f": "mine"})
	theirs := f.reg.AddImage(t, "app", "theirs", testenv.Files{"f": "theirs"})
	here := imgspec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	honest := f.reg.AddIndex(t, "app", "honest", map[digest.Digest]imgspec.Platform{mine: here})
	other := f.reg.AddIndex(t, "app", "other", map[digest.Digest]imgspec.Platform{theirs: here})
	o := f.open(t)
	read := map[string]func(name string) error{
		"look": func(name string) error {
			_, err := f.Look(t.Context(), "docker://"+name, LookOptions{Registry: o, All: true})
			return err
		},
		"inspect": func(name string) error {
			r, err := f.OpenRemote(t.Context(), "docker://"+name, o, Platform{})
			if err == nil {
				err = r.Close()
			}
			return err
		},
		"manifest": func(name string) error {
			_, err := f.ReadList(t.Context(), name, PullOptions{Registry: o})
			return err
		},
		"peek": func(name string) error {
			if _, ok := f.Peek(t.Context(), name, PullOptions{Registry: o}); !ok {
				_, err := f.Pull(t.Context(), name, PullOptions{Registry: o, Policy: PullAlways}) // which says why
				return err
			}
			return nil
		},
	}
	name := f.reg.Host + "/app@" + honest.String()
	for what, do := range read {
		if err := do(name); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	body, mediaType, _ := f.reg.Manifest("app", other.String())
	f.reg.PutManifest("app", honest.String(), mediaType, body) // as a tag, which the registry looks at first
	for what, do := range read {
		if err := do(name); err == nil || !strings.Contains(err.Error(), "digest") {
			t.Errorf("%s: another list was taken for it: %v", what, err)
		}
	}
}

func TestParseAccountHidesPasswords(t *testing.T) {
	t.Parallel()
	for _, word := range []string{"user:hunter2@registry.example.com", "https://user:hunter2@registry.example.com/v2/", "user:hun@ter2@registry.example.com"} {
		_, err := ParseAccount(word)
		if err == nil || strings.Contains(err.Error(), "ter2") || !strings.Contains(err.Error(), `"registry.example.com"`) {
			t.Errorf("%q: %v", word, err)
		}
	}
}

// TestBadDigests has a configuration, and then a layer, with a digest that is none.
func TestBadDigests(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	d := f.reg.AddImage(t, "app", "good", testenv.Files{"f": "1"})
	body, mediaType, _ := f.reg.Manifest("app", d.String())
	good, err := manifest.FromBlob(body, mediaType)
	must(t, err)
	for _, config := range []string{"nocolon", "../../etc/passwd", ""} {
		bad := strings.ReplaceAll(string(body), good.ConfigInfo().Digest.String(), config)
		f.reg.PutManifest("app", "bad", mediaType, []byte(bad))
		if p, ok := f.Peek(t.Context(), f.reg.Host+"/app:bad", PullOptions{Registry: f.open(t)}); ok {
			t.Errorf("%q: %+v", config, p)
		}
	}
	bad := strings.ReplaceAll(string(body), good.LayerInfos()[0].Digest.String(), "nocolon")
	f.reg.PutManifest("app", "bad", mediaType, []byte(bad))
	if _, err := f.OpenRemote(t.Context(), "docker://"+f.reg.Host+"/app:bad", f.open(t), Platform{}); err == nil || !strings.Contains(err.Error(), "nocolon") {
		t.Errorf("a layer with a digest that is none: %v", err)
	}
}
