package registry

import (
	"encoding/base64"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
)

// secrets are the flags that let everybody in.
func secrets() []string {
	return []string{"--creds", "user:secret", "--cert-dir", filepath.Join(shared.dir, "certs")}
}

// lockedPlace has no registry that may be insecure.
func lockedPlace(t *testing.T) *place {
	t.Helper()
	p := newPlace(t, "")
	p.write("registries.conf", "unqualified-search-registries = []\n[[registry]]\nlocation = \""+shared.open.host+"\"\ninsecure = true\n")
	return p
}

func TestEveryVerbLocked(t *testing.T) {
	begin(t)
	eachReader(t, func(t *testing.T, words reader) {
		p := lockedPlace(t)
		before := p.settled(words)
		image := shared.locked.host + "/base"
		certs := filepath.Join(shared.dir, "certs")
		p.refused(before, words(p, image, "--cert-dir", certs), "you are not logged in to "+shared.locked.host)
		p.refused(before, words(p, image, "--cert-dir", certs, "--creds", "user:wrong"), "knows you as \"user\"")
		p.refused(before, words(p, image, "--creds", "user:secret"), "--cert-dir DIR")
		p.write("auth.json", fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, shared.locked.host, base64.StdEncoding.EncodeToString([]byte("user:secret"))))
		p.must(words(p, image, "--cert-dir", certs, "--authfile", p.path("auth.json"))...)
	})
}

func TestWritersLocked(t *testing.T) {
	begin(t)
	for verb, words := range writers {
		t.Run(verb, func(t *testing.T) {
			t.Parallel()
			p := withImage(t)
			p.write("registries.conf", "")
			dest := shared.locked.host + "/" + verb
			_, all, err := p.run(words(p, dest, "--tls-verify=false")...)
			if err == nil || !strings.Contains(all, "`buildah login "+shared.locked.host+"`") {
				t.Errorf("%v: %s", err, all)
			}
			p.must(words(p, dest, secrets()...)...)
			newPlace(t, "").must("pull", "-q", "--tls-verify=false", "--creds", "user:secret", dest)
		})
	}
}

// HTTP that answers to HTTPS is told from a registry that is down.
func TestPlainHTTP(t *testing.T) {
	begin(t)
	way, p := proxy(t), newPlace(t, "")
	p.write("registries.conf", "")
	_, all, err := p.run("pull", "-q", "--retry", "5", way.Host+"/base")
	if err == nil || !strings.Contains(all, "--tls-verify=false") {
		t.Errorf("%v: %s", err, all)
	}
	p.must("pull", "-q", "--tls-verify=false", way.Host+"/base")
	p.write("registries.conf", mirrored(""))
	_, all, err = p.run("pull", "-q", "--tls-verify", way.Host+"/other")
	if err == nil || !strings.Contains(all, "--tls-verify=false") {
		t.Errorf("%v: %s", err, all)
	}
}
