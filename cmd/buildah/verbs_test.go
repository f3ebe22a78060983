package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

func TestMain(m *testing.M) {
	registerHelpers()
	testenv.Main(m)
}

// bench is a store of one test and the command line on it.
type bench struct {
	t    *testing.T
	root string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	testenv.NeedRoot(t)
	b := &bench{t: t, root: t.TempDir()}
	t.Setenv("TMPDIR", b.root) // every command sets it; this takes it back
	return b
}

// try runs a command line, and gives its status and what it wrote.
func (b *bench) try(words ...string) (status int, out, errs string) {
	b.t.Helper()
	var o, e strings.Builder
	p := newProgram(os.Stdin, &o, &e)
	p.env = func(name string) string {
		if name == "TMPDIR" {
			return b.root
		}
		return ""
	}
	global := []string{"--root", b.root + "/root", "--runroot", b.root + "/run", "--storage-driver", "vfs"}
	status = p.run(b.t.Context(), append(global, words...))
	return status, strings.TrimSuffix(o.String(), "\n"), e.String()
}

// ok runs a command line that must succeed, and gives its output.
func (b *bench) ok(words ...string) string {
	b.t.Helper()
	status, out, errs := b.try(words...)
	if status != 0 {
		b.t.Fatalf("buildah %q: status %d: %s", words, status, errs)
	}
	return out
}

// fails runs a command line that must fail with a status and one clear line.
func (b *bench) fails(status int, says string, words ...string) {
	b.t.Helper()
	got, out, errs := b.try(words...)
	if got != status {
		b.t.Errorf("buildah %q: status %d, want %d (%s)", words, got, status, errs)
	}
	if !strings.Contains(errs, says) || !strings.Contains(errs, "Error: ") {
		b.t.Errorf("buildah %q says %q, want a line with %q", words, errs, says)
	}
	if strings.Contains(out+errs, "Usage:") {
		b.t.Errorf("buildah %q writes its usage", words)
	}
}

func (b *bench) equal(got, want string) {
	b.t.Helper()
	if got != want {
		b.t.Errorf("got %q, want %q", got, want)
	}
}

func TestVerbsOfAScript(t *testing.T) {
	b := newBench(t)
	b.equal(b.ok("from", "scratch"), "working-container")
	b.equal(b.ok("from", "scratch"), "working-container-1")
	b.equal(b.ok("from", "--name", "web", "--cidfile", b.root+"/cid", "scratch"), "web")
	cid, err := os.ReadFile(b.root + "/cid")
	if err != nil || !regexp.MustCompile(`^[0-9a-f]{64}$`).Match(cid) {
		t.Errorf("--cidfile holds %q: %v", cid, err)
	}
	if err := os.WriteFile(b.root+"/page", []byte("hello"), 0o644); err != nil {
		t.Fatal(err)
	}
	if digest := b.ok("copy", "web", b.root+"/page", "/srv/"); len(digest) != 64 {
		t.Errorf("copy wrote %q", digest)
	}
	b.equal(b.ok("copy", "-q", "web", b.root+"/page", "/srv/second"), "")
	dir := b.ok("mount", "web")
	if text, err := os.ReadFile(filepath.Join(dir, "srv/page")); err != nil || string(text) != "hello" {
		t.Errorf("the mount holds %q: %v", text, err)
	}
	b.equal(b.ok("mount"), "web "+dir)
	b.equal(b.ok("umount", "web"), string(cid))
	b.equal(b.ok("mount"), "")
	b.ok("config", "--env", "A=1", "--cmd", "/bin/app -x", "--label", "l=a,b", "--port", "80,81", "web")
	b.equal(b.ok("inspect", "--format", "{{.OCIv1.Config.Env}} {{.OCIv1.Config.Cmd}} {{.OCIv1.Config.Labels}}", "web"), "[A=1] [/bin/app -x] map[l:a,b]")
	b.equal(b.ok("rename", "web", "site"), "")
	id := b.ok("commit", "-q", "site", "--entrypoint=/start", "shop")
	if !regexp.MustCompile(`^[0-9a-f]{64}$`).MatchString(id) {
		t.Errorf("commit wrote %q", id)
	}
	b.equal(b.ok("inspect", "--type", "image", "--format", "{{.OCIv1.Config.Entrypoint}}", "shop"), "[/bin/sh -c /start]")
	b.equal(b.ok("inspect", "--format", "{{.OCIv1.Config.Entrypoint}}", "site"), "[]")
	b.ok("tag", "shop", "other:v1")
	b.equal(b.ok("images", "--format", "{{.Name}}:{{.Tag}}", "shop"), "localhost/other:v1\nlocalhost/shop:latest")
	b.equal(b.ok("images", "-q", "--no-trunc"), "sha256:"+id)
	b.equal(b.ok("rmi", "other:v1"), "untagged: localhost/other:v1")
	if out := b.ok("rm", "--all"); strings.Count(out, "\n") != 2 {
		t.Errorf("rm --all wrote %q", out)
	}
	b.equal(b.ok("rmi", "--all"), "untagged: localhost/shop:latest\n"+id)
	b.equal(b.ok("containers", "--json"), "null")
	b.equal(b.ok("images", "--json"), "[]")
}

func TestListings(t *testing.T) {
	b := newBench(t)
	b.ok("from", "--name", "one", "scratch")
	out := b.ok("containers")
	if !regexp.MustCompile(`^CONTAINER ID  BUILDER  IMAGE ID     IMAGE NAME                       CONTAINER NAME\n[0-9a-f]{12}     \*     {14}scratch {26}one$`).MatchString(out) {
		t.Errorf("containers wrote\n%s", out)
	}
	b.equal(b.ok("containers", "--format", "{{.ContainerName}} {{.ImageName}}"), "one   scratch")
	b.equal(b.ok("containers", "-n", "--filter", "name=two"), "")
	var rows []map[string]any
	if err := json.Unmarshal([]byte(b.ok("containers", "--json")), &rows); err != nil || len(rows) != 1 || rows[0]["builder"] != true {
		t.Errorf("containers --json: %v, %v", rows, err)
	}
	if out := b.ok("images"); !strings.HasPrefix(out, "REPOSITORY   TAG   IMAGE ID   CREATED   SIZE") {
		t.Errorf("images wrote %q", out)
	}
	b.equal(b.ok("info", "--format", "{{.store.ContainerStore.number}} {{.store.GraphDriverName}}"), "1 vfs")
}

func TestVerbsRefuse(t *testing.T) {
	b := newBench(t)
	b.ok("from", "--name", "one", "scratch")
	b.ok("from", "--name", "two", "scratch")
	tests := []struct {
		status int
		says   string
		line   string
	}{
		{125, "nosuch", "rm nosuch"},
		{125, "needs CONTAINER NEW-NAME", "rename one"},
		{125, "accepts at most 2", "rename a b c"},
		{125, "already in use", "rename one two"},
		{125, "one", "from --name one scratch"},
		{125, "--all switch", "rm -a one"},
		{125, "--all switch", "umount one --all"},
		{125, "needs the name", "rm"},
		{125, "--prune", "rmi -a -p"},
		{125, "mutually exclusive", "images -q --format x"},
		{125, "mutually exclusive", "images -a one"},
		{125, "unknown log level", "--log-level bogus images"},
		{125, "unknown flag", "images --bogus"},
		{125, "unknown shorthand flag", "run -n one echo"},
		{125, "command must be specified", "run one"},
		{125, "command must be specified", "run one --"},
		{125, "invalid argument", "from --cpu-shares bogus scratch"},
		{125, "is not supported in this version", "commit --cw type=snp one"},
		{125, "can not specify ID mappings", "from --userns host --userns-uid-map 0:1:2 scratch"},
		{125, "network not found", "run --network mynet one true"},
		{125, "none may not be used", "from --dns none --dns 1.1.1.1 scratch"},
		{125, "add-host", "from --add-host bogus scratch"},
		{125, "security-opt", "from --security-opt bogus scratch"},
		{125, "lowercase", "commit one UPPER"},
		{125, "only one of", "commit --timestamp 0 --omit-timestamp one"},
		{125, "unrecognized image type", "commit -f bogus one"},
		{125, "no such file", "copy one /nosuchfile /x"},
		{125, "not known", "pull --policy never nosuchimage"},
		{125, "recognized types", "inspect --type bogus one"},
		{125, "key=value", "containers --filter bogus"},
	}
	for _, tt := range tests {
		b.fails(tt.status, tt.says, strings.Fields(tt.line)...)
	}
	b.equal(b.ok("containers", "--format", "{{.ContainerName}}"), "one\ntwo")
	b.equal(b.ok("images", "-q"), "")
}
