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
	o.SignBy = fingerprint
	signedDir, plainDir := t.TempDir(), t.TempDir()
	registry := "docker://" + f.reg.Host + "/app:1"
	if _, err := f.Push(t.Context(), id, "dir:"+t.TempDir(), PushOptions{Registry: o}); err == nil {
		t.Error("an image without a name was signed")
	}
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
	for source, ok := range map[string]bool{registry: false, "dir:" + plainDir: false, "dir:" + signedDir: true} {
		_, err := f.client(t, testenv.Store(t, "vfs")).Pull(t.Context(), source, PullOptions{Registry: strict})
		if ok != (err == nil) || err != nil && !strings.Contains(err.Error(), "signature") {
			t.Errorf("%s: %v", source, err)
		}
	}
}
