package imagebuildah

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layers"
)

// model is an engine without containers, a thousand times as fast as a real one. A
// step that works on files writes down all that it could have seen: what a cache
// overlooks gives another image.
type model struct {
	engine // nil: nobody asks for what is not below
	t      *testing.T
	dir    string            // of root file systems, by layer
	cache  *buildcache.Cache // nil remembers nothing

	mu     sync.Mutex
	images map[string]builder.State
	files  map[string]map[string]string // by layer: path to content
	worked int                          // steps that worked on files
}

func newModel(t *testing.T, cached bool) *model {
	t.Helper()
	m := &model{t: t, dir: t.TempDir(), images: map[string]builder.State{}, files: map[string]map[string]string{"": {}}}
	if cached {
		m.cache = buildcache.Open(t.TempDir())
	}
	return m
}

// image makes a base image.
func (m *model) image(name string, change func(*imageconfig.Image), files map[string]string) {
	img := imageconfig.Scratch(imageconfig.Platform{OS: "linux", Arch: "amd64"})
	img.SetEnv("PATH", "/bin")
	change(&img)
	s := &modelSpace{m: m, st: builder.State{Image: img}}
	s.write(files)
	done, err := s.Commit(context.Background(), "", builder.CommitOptions{CreatedBy: "made"})
	if err != nil {
		m.t.Fatal(err)
	}
	done.State.ImageName = name
	m.images[name] = done.State
}

func (m *model) Base(_ context.Context, image string, _ builder.BaseOptions) (builder.State, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	st, ok := m.images[image]
	if !ok {
		return st, builder.ErrImageUnknown
	}
	st.Image = st.Image.Clone()
	return st, nil
}

func (m *model) Start(st builder.State, _ builder.FromOptions, _ origin) workspace {
	st.Image = st.Image.Clone()
	return &modelSpace{m: m, st: st}
}

func (m *model) Cache() *buildcache.Cache                   { return m.cache }
func (m *model) CheckNames([]string) error                  { return nil }
func (m *model) CheckList(string, []string, bool) error     { return nil }
func (m *model) CheckMachine(builder.Platform) error        { return nil }
func (m *model) Remove(_ context.Context, _ []string) error { return nil }

func (m *model) Name(_ context.Context, _ string, names []string, _ builder.CommitOptions) ([]string, error) {
	return names, nil
}

func (m *model) Images(context.Context) (map[string]bool, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	ids := map[string]bool{}
	for id := range m.images {
		ids[id] = true
	}
	return ids, nil
}

// forget removes an image that nobody has named, as pruning does.
func (m *model) forget(pick func(n int) int) {
	var ids []string
	for id, st := range m.images {
		if st.ImageName == "" {
			ids = append(ids, id)
		}
	}
	if slices.Sort(ids); len(ids) > 0 {
		delete(m.images, ids[pick(len(ids))])
	}
}

// modelSpace is a workspace of a model.
type modelSpace struct {
	workspace // nil
	m         *model
	st        builder.State
	files     map[string]string // when they are not those of the layer
}

func (s *modelSpace) Step(string, place)        {}
func (s *modelSpace) Image() *imageconfig.Image { return &s.st.Image }
func (s *modelSpace) State() builder.State      { return s.st }
func (s *modelSpace) Changed() bool             { return s.files != nil }
func (s *modelSpace) Linked() bool              { return false }

func (s *modelSpace) Keep(string) (string, error) { return "", nil }
func (s *modelSpace) Fetch(context.Context) error { return nil }

func (s *modelSpace) Delete(context.Context) error {
	s.files = nil
	return nil
}

func (s *modelSpace) seen() map[string]string {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.files != nil {
		return s.files
	}
	return s.m.files[s.st.TopLayer]
}

func (s *modelSpace) write(files map[string]string) {
	s.files = maps.Clone(s.seen())
	maps.Copy(s.files, files)
}

// sum tells values from all others.
func sum(values ...any) string {
	text, err := json.Marshal(values)
	if err != nil {
		panic(err)
	}
	h := sha256.Sum256(text)
	return hex.EncodeToString(h[:])
}

// Run writes down what a command can see: itself, its variables, its user and its
// directory, all files, what is mounted, and what it may do.
func (s *modelSpace) Run(_ context.Context, argv []string, o builder.RunOptions) error {
	c := s.Image().OCI.Config
	env := slices.Sorted(slices.Values(append(slices.Clone(c.Env), o.Process.Env...)))
	mounted := []string{}
	for _, text := range o.Mounts.Mounts {
		m, err := parseMount(text)
		if err != nil {
			return err
		}
		root := o.Mounts.Context
		if m.From != "" {
			root = o.Mounts.Roots[m.From]
		}
		found, err := contentOf(root, m.Source)
		if err != nil {
			return err
		}
		mounted = append(mounted, m.Target, found)
	}
	s.write(map[string]string{"run-" + sum(argv)[:2]: sum(argv, env, c.User, c.WorkingDir, s.seen(), mounted, o.Namespaces, o.Network, o.Security)})
	s.m.count()
	return nil
}

func (m *model) count() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.worked++
}

// contentOf reads all that is below a path, without the help of any index.
func contentOf(root *copier.Root, source string) (string, error) {
	var all []string
	err := filepath.WalkDir(filepath.Join(root.Path(), source), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := os.ReadFile(path)
		rest, _ := filepath.Rel(root.Path(), path)
		all = append(all, rest, info.Mode().String(), string(data))
		return err
	})
	return sum(all), err
}

// Add writes down what is copied, and how.
func (s *modelSpace) Add(ctx context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error) {
	var inline []string
	for _, doc := range o.Inline {
		data, err := io.ReadAll(doc.Content)
		if err != nil {
			return builder.Added{}, err
		}
		inline = append(inline, doc.Name, string(data))
	}
	known, err := o.SourceDigest(ctx, sources, o.Sums)
	if err != nil {
		return builder.Added{}, err
	}
	fresh, err := o.SourceDigest(ctx, sources, nil)
	if err != nil || known != fresh {
		s.m.t.Errorf("%q: the index says %s, the files are %s: %v", sources, known, fresh, err)
	}
	content := sum(fresh, inline, dest, sources, o.Ownership, s.Image().OCI.Config.WorkingDir)
	s.write(map[string]string{"add-" + sum(dest)[:2]: content})
	s.m.count()
	return builder.Added{Kind: "file", Digest: sum(fresh, inline), Sources: known, Files: 1}, nil
}

func (s *modelSpace) MakeDir(_ context.Context, path, owner string) error {
	if _, there := s.seen()["dir"+path]; !there {
		s.write(map[string]string{"dir" + path: owner})
	}
	return nil
}

// Root lays the files out, once for each layer.
func (s *modelSpace) Root(context.Context) (*copier.Root, func(), error) {
	dir := filepath.Join(s.m.dir, s.st.TopLayer)
	if _, err := os.Stat(dir); err != nil {
		fresh, err := os.MkdirTemp(s.m.dir, "root-")
		if err != nil {
			return nil, nil, err
		}
		for name, text := range s.seen() {
			if err := os.WriteFile(filepath.Join(fresh, strings.ReplaceAll(name, "/", "_")), []byte(text), 0o644); err != nil {
				return nil, nil, err
			}
		}
		if os.Rename(fresh, dir) != nil { // another stage was faster
			os.RemoveAll(fresh)
		}
	}
	root, err := copier.OpenRoot(dir)
	if err != nil {
		return nil, nil, err
	}
	return root, func() { root.Close() }, nil
}

// push makes a layer of what was changed.
func (s *modelSpace) push(st *builder.State) {
	old, changes := s.m.files[st.TopLayer], map[string]string{}
	for name, text := range s.files {
		if before, there := old[name]; !there || before != text {
			changes[name] = text
		}
	}
	id := digest.FromString(sum(changes))
	st.TopLayer = layers.ChainID(st.TopLayer, id)
	st.Image.OCI.RootFS.DiffIDs = append(slices.Clone(st.Image.OCI.RootFS.DiffIDs), id)
	s.m.files[st.TopLayer] = s.files
}

func (s *modelSpace) render(st builder.State, o builder.CommitOptions) (config []byte, err error) {
	created := time.Unix(1, 0).UTC()
	history := slices.Clone(st.Image.OCI.History)
	for _, entry := range o.Pending {
		entry.EmptyLayer = true
		history = append(history, entry)
	}
	if s.Changed() {
		history = append(history, builder.History{CreatedBy: o.CreatedBy, Author: st.Image.OCI.Author})
	}
	for i := range history {
		history[i].Created = &created
	}
	b := imageconfig.Build{Format: o.Format, Image: st.Image, History: history, Created: created, FixedTime: true}
	for _, id := range st.Image.OCI.RootFS.DiffIDs {
		b.Layers = append(b.Layers, imageconfig.Layer{Digest: id, Size: 1})
	}
	config, _, err = imageconfig.Render(b)
	return config, err
}

func (s *modelSpace) Commit(_ context.Context, dest string, o builder.CommitOptions) (done builder.Committed, err error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	st, live := s.st, s.st.Image.Clone()
	if s.Changed() {
		s.push(&st)
	}
	config, err := s.render(st, o)
	if err != nil {
		return done, err
	}
	if st.Image, err = imageconfig.Parse(config, o.Format.OrDefault().MediaType()); err != nil {
		return done, err
	}
	keepShell(&st.Image, &live)
	st.Config, st.ImageID, st.ImageName = config, digest.FromBytes(config).Encoded(), ""
	s.m.images[st.ImageID] = st
	st.Image = st.Image.Clone() // what the next steps set is not that image's
	s.st, s.files = st, nil
	return builder.Committed{ID: st.ImageID, State: st}, nil
}

func (s *modelSpace) Preview(o builder.CommitOptions) (string, []byte, error) {
	config, err := s.render(s.st, o)
	return digest.FromBytes(config).Encoded(), config, err
}

// Adopt goes on as [builder.Engine.Recall] does.
func (s *modelSpace) Adopt(_ context.Context, r builder.Recalled) (bool, error) {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	parsed, err := imageconfig.Parse(r.Config, r.MediaType)
	if err != nil {
		return false, err
	}
	if r.Virtual {
		s.st.Image.OCI.History, s.st.ImageName = parsed.OCI.History, ""
		return r.Layer == s.st.TopLayer, nil
	}
	st, ok := s.m.images[r.ID()]
	if !ok || st.TopLayer != r.Layer {
		return false, nil
	}
	st.Image = st.Image.Clone()
	keepShell(&st.Image, &s.st.Image)
	s.st = st
	return true, nil
}
