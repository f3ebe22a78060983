package builder

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"go.podman.io/image/v5/signature/sigstore"

	"github.com/projectatomic/buildah/internal/testenv"
	"github.com/projectatomic/buildah/internal/transfer"
)

// TestPublishSignsWhatItPushed is not parallel: registries.d is found through the
// environment. Between two names the first one becomes somebody else's: that image must
// not be signed under the second.
func TestPublishSignsWhatItPushed(t *testing.T) {
	v, open := online(t)
	reg := testenv.NewRegistry(t)
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	conf := filepath.Join(dir, "containers", "registries.d")
	pair, err := sigstore.GenerateKeyPair([]byte("secret"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(conf, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, text := range map[string]string{
		filepath.Join(conf, "test.yaml"): "default-docker: {use-sigstore-attachments: true}\n",
		filepath.Join(dir, "key"):        string(pair.PrivateKey),
		filepath.Join(dir, "word"):       "secret\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open.Sign = transfer.Signing{PrivateKey: filepath.Join(dir, "key"), PassphraseFile: filepath.Join(dir, "word")}
	// Whoever reads the first tag after it was pushed is sent elsewhere.
	front := testenv.NewProxy(t, reg.URL, nil)
	front.Break(testenv.Fault{Method: http.MethodGet, Path: "/manifests/one", Status: http.StatusNotFound})
	id := testenv.BaseImage(t, v.Store, "localhost/app", smallFiles())
	d, err := v.Publish(t.Context(), []string{id}, []string{front.Host + "/app:one", front.Host + "/app:two"}, PushOptions{Registry: open})
	if err != nil {
		t.Fatal(err)
	}
	for _, tag := range []string{"one", "two"} {
		if _, _, ok := reg.Manifest("app", tag); !ok {
			t.Errorf("%s is not there", tag)
		}
	}
	if _, _, ok := reg.Manifest("app", "sha256-"+d.Digest.Encoded()+".sig"); !ok {
		t.Error("it is not signed")
	}
}

// A list that somebody has changed since it was pushed is not removed with that change.
func TestDropListKeepsWhatWasNotPushed(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "")
	first := testenv.BaseImage(t, v.Store, "localhost/first", smallFiles())
	second := testenv.BaseImage(t, v.Store, "localhost/second", testenv.Files{"second": "2"})
	id, err := v.AddToList("list", []string{first}, AddToListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	pushed, err := v.PushList(t.Context(), id, "oci:"+t.TempDir(), PushOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.AddToList("list", []string{second}, AddToListOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := v.DropList("list", pushed); !errors.Is(err, errListChanged) {
		t.Errorf("dropping a list that was changed: %v", err)
	}
	if pushed, err = v.PushList(t.Context(), id, "oci:"+t.TempDir(), PushOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := v.DropList("list", pushed); err != nil {
		t.Error(err)
	}
	if _, err := v.AddToList("list", []string{first}, AddToListOptions{}); err != nil {
		t.Fatal(err)
	}
	one, isList, err := v.Push(t.Context(), "list", "docker-archive:"+filepath.Join(t.TempDir(), "x.tar"), PushOptions{})
	if err != nil || !isList {
		t.Fatalf("pushing the image of a list: %t, %v", isList, err)
	}
	if err := v.DropList("list", one); err != nil {
		t.Error(err)
	}
	if there, err := v.ListExists("list"); there || err != nil {
		t.Errorf("the list is there: %t, %v", there, err)
	}
}

// A list whose name a new one takes goes, unless it got another name.
func TestDropNameless(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "")
	for _, kept := range []bool{true, false} {
		old, err := v.CreateList(t.Context(), "list", nil, CreateListOptions{Replace: true})
		if err != nil {
			t.Fatal(err)
		}
		if kept {
			err = v.Tag("list", []string{"other"})
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.CreateList(t.Context(), "list", nil, CreateListOptions{Replace: true}); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Store.Image(old); (err == nil) != kept {
			t.Errorf("kept %t: %v", kept, err)
		}
	}
}
