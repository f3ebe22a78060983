package transfer

import (
	"os"
	"path/filepath"
	"testing"

	"go.podman.io/image/v5/signature/sigstore"

	"github.com/projectatomic/buildah/internal/testenv"
)

// TestLayoutIsJudgedBySigstore is not parallel: registries.d is found through the
// environment.
func TestLayoutIsJudgedBySigstore(t *testing.T) {
	f := newFixture(t)
	dir := t.TempDir()
	t.Setenv("XDG_CONFIG_HOME", dir)
	conf := filepath.Join(dir, "containers", "registries.d")
	must(t, os.MkdirAll(conf, 0o700))
	must(t, os.WriteFile(filepath.Join(conf, "test.yaml"), []byte("default-docker: {use-sigstore-attachments: true}\n"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "word"), []byte("secret\n"), 0o600))
	for _, name := range []string{"ours", "other"} {
		pair, err := sigstore.GenerateKeyPair([]byte("secret"))
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, name+".key"), pair.PrivateKey, 0o600))
		must(t, os.WriteFile(filepath.Join(dir, name+".pub"), pair.PublicKey, 0o600))
	}
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	name := f.reg.Host + "/app:1"
	o := f.open(t)
	o.Sign = Signing{PrivateKey: filepath.Join(dir, "ours.key"), PassphraseFile: filepath.Join(dir, "word")}
	_, err := f.Push(t.Context(), id, "docker://"+name, PushOptions{Registry: o})
	must(t, err)
	for key, accepted := range map[string]bool{"ours": true, "other": false} {
		strict := f.open(t)
		strict.SignaturePolicy = f.policy(t, `{"default":[{"type":"sigstoreSigned","keyPath":"`+filepath.Join(dir, key+".pub")+`"}]}`)
		err := f.FetchLayout(t.Context(), name, Layout{Dir: t.TempDir()}, strict, func([]byte) error { return nil })
		if accepted != (err == nil) {
			t.Errorf("signed with our key, wanted is the %s one: %v", key, err)
		}
	}
}
