package imagebuildah

import (
	"bytes"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ociv1 "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/testenv"
	"github.com/projectatomic/buildah/internal/transfer"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// realEngine works on a temporary store.
func realEngine(t *testing.T) *builder.Engine {
	t.Helper()
	s := testenv.Store(t, "")
	e := &builder.Engine{
		Store: s, Images: &transfer.Client{Store: s},
		Host: builder.Host{Version: "test", TempDir: t.TempDir(), RuntimeDir: t.TempDir(), Stderr: io.Discard},
		Warn: func(format string, args ...any) { t.Logf(format, args...) },
	}
	testenv.BaseImage(t, s, "base", testenv.Files{"etc/passwd": "u:x:7:8::/:/bin/sh\n", "etc/group": "g:x:8:\n", "b/": ""})
	return e
}

// build builds a Dockerfile in a context with a few files.
func (e env) build(t *testing.T, dockerfile string, change func(*Options)) (Result, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"Dockerfile": dockerfile, "a.txt": "a", "sub/b.txt": "b", ".dockerignore": "Dockerfile\n*.o\n", "x.o": "o"} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	var out bytes.Buffer
	o := Options{
		Source: Source{Context: dir, Fetch: contexts.Options{Cwd: dir, TempDir: e.Host.TempDir}},
		Base:   builder.BaseOptions{Pull: transfer.PullNever}, Output: Output{Events: events.New(&events.Plain{Steps: &out, Out: &out, Err: &out, Warn: func(s string) { e.Warn("%s", s) }}, time.Now)},
	}
	if change != nil {
		change(&o)
	}
	result, err := Build(t.Context(), e.Engine, o)
	if err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	return result, out.String()
}

type env struct{ *builder.Engine }

// config reads the configuration of a stored image.
func (e env) config(t *testing.T, id string) ociv1.Image {
	t.Helper()
	data, err := e.Store.Config(id)
	if err != nil {
		t.Fatal(err)
	}
	var c ociv1.Image
	if err := json.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	return c
}

// history is the created_by texts, those without a layer in brackets.
func history(c ociv1.Image) string {
	var b strings.Builder
	for _, h := range c.History {
		text := strings.TrimPrefix(h.CreatedBy, "/bin/sh -c #(nop) ")
		if words := strings.Fields(text); len(words) > 1 && strings.Contains(words[1], ":") {
			words[1], _, _ = strings.Cut(words[1], ":")
			text = strings.Join(words, " ")
		}
		if h.EmptyLayer {
			text = "[" + text + "]"
		}
		b.WriteString(text + "\n")
	}
	return b.String()
}

// left tells what a build left in the store.
func (e env) left(t *testing.T) (images, containers int) {
	t.Helper()
	list, err := e.Store.Images()
	if err != nil {
		t.Fatal(err)
	}
	all, err := e.Store.Containers()
	if err != nil {
		t.Fatal(err)
	}
	return len(list), len(all)
}

const story = `FROM base AS one
ENV A=1
COPY . /ctx/
LABEL x=y
FROM one AS two
WORKDIR /new/dir
USER u
WORKDIR deeper
FROM base
COPY --from=two / /copied/
COPY --from=base etc/passwd /
CMD ["x"]
`

func TestStore(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	before, _ := e.left(t)
	result, _ := e.build(t, story, func(o *Options) { o.Tags = []string{"first", "second"} })
	images, containers := e.left(t)
	if images != before+1 || containers != 0 {
		t.Errorf("%d images and %d containers are left", images-before, containers)
	}
	c := e.config(t, result.ID)
	want := "[COPY dir in /copied/]\n[COPY file in /]\nCMD [\"x\"]\n"
	if got := history(c); !strings.HasSuffix(got, want) {
		t.Errorf("history: %s", cmp.Diff(want, got))
	}
	if diff := cmp.Diff([]string{"localhost/first:latest", "localhost/second:latest"}, result.Names); diff != "" {
		t.Error(diff)
	}
	again, out := e.build(t, "FROM first\n", func(o *Options) { o.Tags = []string{"third"} })
	if again.ID != result.ID || !strings.Contains(out, "Successfully tagged localhost/third:latest") {
		t.Errorf("a build of nothing but FROM made %s of %s: %s", again.ID, result.ID, out)
	}
	_, copied := e.build(t, "FROM third\nCOPY --from=third /copied/ctx/a.txt /copied/ctx/sub /\n", nil)
	if !strings.Contains(copied, "-->") {
		t.Error(copied)
	}
}

func TestStoreLayers(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	before, _ := e.left(t)
	result, out := e.build(t, story, func(o *Options) { o.Layers = true })
	images, containers := e.left(t)
	// For COPY and LABEL of the first stage, for both WORKDIRs of the second, for
	// both COPYs of the third, and the result.
	if images-before != 7 || containers != 0 {
		t.Errorf("%d images and %d containers are left:\n%s", images-before, containers, out)
	}
	c := e.config(t, result.ID)
	want := "COPY dir in /copied/\nCOPY file in /\n[CMD [\"x\"]]\n"
	if got := history(c); !strings.HasSuffix(got, want) {
		t.Errorf("history: %s", cmp.Diff(want, got))
	}
	named := 0
	for _, h := range c.History {
		if strings.Contains(h.Comment, "FROM ") {
			named++
		}
	}
	if named != 1 {
		t.Errorf("%d entries of the history name the base", named)
	}
}

func TestStoreFixedTime(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	var ids []string
	for range 2 {
		result, _ := e.build(t, story, func(o *Options) { o.Args = map[string]string{"SOURCE_DATE_EPOCH": "7"}; o.Commit.Times.Rewrite = true })
		ids = append(ids, result.ID)
	}
	if ids[0] != ids[1] {
		t.Errorf("the same input gave %s and %s", ids[0], ids[1])
	}
	squashed, _ := e.build(t, story, func(o *Options) { o.Commit.Squash, o.Layers = true, true })
	if c := e.config(t, squashed.ID); len(c.RootFS.DiffIDs) != 1 {
		t.Errorf("a squashed image has %d layers", len(c.RootFS.DiffIDs))
	}
}

// TestStoreSettings holds that what only sets something makes no container and no layer.
func TestStoreSettings(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	base := e.config(t, mustImage(t, e, "base"))
	result, _ := e.build(t, "FROM base\nENV A=1 B=2\nENV A=3\nLABEL l=1\nUSER u\nEXPOSE 80\n", nil)
	c := e.config(t, result.ID)
	if diff := cmp.Diff(base.RootFS.DiffIDs, c.RootFS.DiffIDs); diff != "" {
		t.Error(diff)
	}
	if env := c.Config.Env; !strings.HasSuffix(strings.Join(env, " "), "A=3 B=2") {
		t.Errorf("environment: %q", env)
	}
	for _, h := range c.History[len(base.History):] {
		if !h.EmptyLayer {
			t.Errorf("a layer in the history: %q", h.CreatedBy)
		}
	}
}

func mustImage(t *testing.T, e env, name string) string {
	t.Helper()
	found, _, err := e.Images.Lookup(name, transfer.LookupOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return found.ID
}

func TestStoreFailure(t *testing.T) {
	t.Parallel()
	e := env{realEngine(t)}
	before, _ := e.left(t)
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte("FROM base AS a\nCOPY --from=base /etc /x\nFROM a\nCOPY Dockerfile /\nCOPY missing /\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	_, err := Build(t.Context(), e.Engine, Options{
		Source: Source{Context: dir, Fetch: contexts.Options{Cwd: dir}}, Base: builder.BaseOptions{Pull: transfer.PullNever}, Tags: []string{"x"},
	})
	if err == nil || !strings.Contains(err.Error(), `building at STEP "COPY missing /": `) {
		t.Errorf("the error is %v", err)
	}
	if images, containers := e.left(t); images != before || containers != 0 {
		t.Errorf("%d images and %d containers are left", images-before, containers)
	}
}
