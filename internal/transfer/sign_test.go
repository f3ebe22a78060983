package transfer

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

func gpg(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("gpg", append([]string{"--batch", "--quiet"}, args...)...).Output()
	if err != nil {
		t.Skipf("needs a gpg that can make keys: %v", err)
	}
	return string(out)
}

// TestSignatures is not parallel: the keys are found through the environment.
func TestSignatures(t *testing.T) {
	testenv.NeedProgram(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") // the path of gpg's socket must be short
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	t.Setenv("GNUPGHOME", home)
	t.Cleanup(func() { _ = exec.Command("gpgconf", "--homedir", home, "--kill", "all").Run() })
	gpg(t, "--passphrase", "", "--quick-generate-key", "test@example.com", "default", "default", "never")
	fingerprint := ""
	for line := range strings.Lines(gpg(t, "--with-colons", "--list-keys")) {
		if fields := strings.Split(line, ":"); fields[0] == "fpr" && fingerprint == "" {
			fingerprint = fields[9]
		}
	}
	key := filepath.Join(t.TempDir(), "key.gpg")
	gpg(t, "--output", key, "--export", fingerprint)

	f := newFixture(t)
	id := testenv.BaseImage(t, f.Store, "localhost/app", testenv.Files{"f": "1"})
	o := f.open(t)
	o.Sign.Fingerprint = fingerprint
	signedDir, plainDir := t.TempDir(), t.TempDir()
	registry := "docker://" + f.reg.Host + "/app:1"
	ownDir, unnamed := t.TempDir(), f.open(t)
	_, err = f.Push(t.Context(), id, "dir:"+ownDir, PushOptions{Registry: o})
	must(t, err)
	_, err = f.Push(t.Context(), id, registry, PushOptions{Registry: f.open(t)})
	must(t, err)
	_, err = f.Push(t.Context(), id, "dir:"+plainDir, PushOptions{Registry: f.open(t)})
	must(t, err)
	_, err = f.Push(t.Context(), id, "containers-storage:localhost/signed:1", PushOptions{Registry: o})
	must(t, err)
	_, err = f.Push(t.Context(), "localhost/signed:1", "dir:"+signedDir, PushOptions{Registry: f.open(t), Compression: Compression{Disable: true}})
	must(t, err)

	strict := f.open(t)
	strict.SignaturePolicy = f.policy(t, `{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"`+key+`",
		"signedIdentity":{"type":"exactReference","dockerReference":"localhost/signed:1"}}]}`)
	unnamed.SignaturePolicy = f.policy(t, `{"default":[{"type":"signedBy","keyType":"GPGKeys","keyPath":"`+key+`",
		"signedIdentity":{"type":"exactReference","dockerReference":"localhost/app:latest"}}]}`)
	_, err = f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), "dir:"+ownDir, PullOptions{Registry: unnamed})
	must(t, err)
	unknown := o
	unknown.Sign.Fingerprint = "0123456789ABCDEF0123456789ABCDEF01234567"
	if _, err := f.Push(t.Context(), id, registry+"-unknown", PushOptions{Registry: unknown}); err == nil || !strings.Contains(err.Error(), unknown.Sign.Fingerprint) {
		t.Errorf("signing with a key that nobody has: %v", err)
	}
	nameless, err := f.Pull(t.Context(), "dir:"+plainDir, PullOptions{Registry: f.open(t)})
	must(t, err)
	img, err := f.Store.Image(nameless.ID)
	must(t, err)
	must(t, f.Store.RemoveImageName(img.ID, img.Names...))
	if _, err := f.Push(t.Context(), img.ID, "dir:"+t.TempDir(), PushOptions{Registry: o}); err == nil || !strings.Contains(err.Error(), "name") {
		t.Errorf("an image without a name was signed: %v", err)
	}

	for source, ok := range map[string]bool{registry: false, "dir:" + plainDir: false, "dir:" + signedDir: true} {
		_, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), source, PullOptions{Registry: strict})
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "signature") {
			t.Errorf("%s: %v", source, err)
		}
	}
}
