package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

// context makes a directory of files.
func (b *bench) context(files map[string]string) string {
	b.t.Helper()
	dir := b.t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			b.t.Fatal(err)
		}
	}
	return dir
}

func (b *bench) read(path string) string {
	b.t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return string(text)
}

func TestBuildCommand(t *testing.T) {
	b := newBench(t)
	dir := b.context(map[string]string{
		"Dockerfile": "FROM scratch AS one\nARG V=1\nCOPY page /page\nLABEL v=$V\nFROM one\nENV A=b\n",
		"page":       "hello",
		"args":       "# values\nV=fromfile\n",
		"Broken":     "FROM scratch\nCOPPY a b\n",
	})
	ids := b.root + "/iid"
	b.equal(b.ok("bud", "-q", "--iidfile", ids, "--build-arg-file", dir+"/args", "-t", "site", dir), "")
	id := b.read(ids)
	if !strings.HasPrefix(id, "sha256:") || len(id) != 71 {
		t.Errorf("--iidfile holds %q", id)
	}
	b.equal(b.ok("inspect", "--format", "{{.OCIv1.Config.Labels.v}} {{json .OCIv1.Config.Env}}", "site"), `fromfile ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","A=b"]`)
	stage := b.ok("build-using-dockerfile", "-q", "--build-arg", "V=flag", "--target", "one", "-f", dir+"/Dockerfile", dir)
	b.equal(b.ok("inspect", "--type", "image", "--format", "{{.OCIv1.Config.Labels.v}}", stage), "flag")
	out := b.ok("build", "--timestamp", "0", dir)
	again := b.ok("build", "--timestamp=0", "-q", dir)
	if !strings.HasSuffix(out, "\n"+again) || !strings.Contains(out, "[1/2] STEP 1/4: FROM scratch AS one\n") {
		t.Errorf("two builds of the same wrote\n%s\nand %s", out, again)
	}
	log := b.root + "/log"
	b.equal(b.ok("build", "--logfile", log, dir), "")
	if !strings.Contains(b.read(log), "STEP 2/2: ENV A=b") {
		t.Errorf("--logfile holds %q", b.read(log))
	}
	b.fails(125, "COPPY", "build", "-f", "Broken", dir)
	b.fails(125, "'rm' and 'force-rm'", "build", "--rm", dir)
	b.fails(125, "could not parse secrets", "build", "--secret", "id=x", dir)
	b.fails(125, "missing required key \"dest\"", "build", "--output", "type=tar", dir)
	b.fails(125, "positive integer", "build", "--jobs=-1", dir)
	b.fails(125, "Dockerfile", "build", b.context(nil))
	b.equal(b.ok("containers", "-q"), "")
}

func TestRegistryCommands(t *testing.T) {
	b := newBench(t)
	r := testenv.NewRegistry(t)
	policy := b.root + "/policy.json"
	if err := os.WriteFile(policy, []byte(`{"default":[{"type":"insecureAcceptAnything"}]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	b.ok("from", "--name", "one", "scratch")
	id := b.ok("commit", "-q", "one", "app")
	remote := r.Host + "/team/app:1"
	b.equal(b.ok("push", "--tls-verify=false", "--digestfile", b.root+"/digest", "app", "docker://"+remote), "")
	if d := b.read(b.root + "/digest"); !strings.HasPrefix(d, "sha256:") {
		t.Errorf("--digestfile holds %q", d)
	}
	b.ok("rm", "one")
	b.ok("rmi", "app")
	b.equal(b.ok("pull", "-q", "--tls-verify=false", "--signature-policy", policy, remote), id)
	b.equal(b.ok("from", "--pull=always", "-q", "--tls-verify=false", "--signature-policy", policy, remote), "127.0.0.1-working-container") // cut at the first colon, as scripts know it
	b.fails(125, "manifest unknown", "pull", "--tls-verify=false", "--signature-policy", policy, r.Host+"/team/app:2")
	b.fails(125, "HTTP", "pull", "--policy", "always", "--retry", "0", "--tls-verify", "--signature-policy", policy, remote)
	b.fails(125, "credential file is not accessible", "pull", "--authfile", "/nosuch", remote)
}
