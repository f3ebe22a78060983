package transfer

import (
	"bytes"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/testenv"
)

func TestMain(m *testing.M) { testenv.Main(m) }

// buffer is a bytes.Buffer for several goroutines.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// fixture is a client whose every file is the test's own.
type fixture struct {
	*Client
	reg *testenv.Registry
	log *buffer
	dir string
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	testenv.NeedRoot(t)
	f := &fixture{reg: testenv.NewRegistry(t), log: &buffer{}, dir: t.TempDir()}
	f.Client = f.client(t, testenv.Store(t, "vfs"))
	f.Report = f.log
	f.registries(t, "")
	return f
}

// client makes another client with the same configuration.
func (f *fixture) client(t *testing.T, s *store.Store) *Client {
	t.Helper()
	must(t, os.MkdirAll(filepath.Join(f.dir, "registries.d"), 0o755))
	return &Client{Store: s, System: System{
		RegistriesConf:    filepath.Join(f.dir, "registries.conf"),
		RegistriesConfDir: filepath.Join(f.dir, "registries.d"),
		ShortNameAliases:  filepath.Join(f.dir, "aliases.conf"),
		BlobInfoCacheDir:  filepath.Join(f.dir, "cache"),
		UserAgent:         "Buildah/0.0-test",
		TempDir:           t.TempDir(),
	}}
}

func (f *fixture) registries(t *testing.T, conf string) {
	t.Helper()
	must(t, os.WriteFile(f.System.RegistriesConf, []byte(conf), 0o644))
}

// open is how tests talk to the registry: without TLS, accepting every image.
func (f *fixture) open(t *testing.T) Registry {
	t.Helper()
	return Registry{TLSVerify: Off, SignaturePolicy: f.policy(t, `{"default":[{"type":"insecureAcceptAnything"}]}`), RetryDelay: time.Millisecond}
}

func (f *fixture) policy(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "policy.json")
	must(t, os.WriteFile(file, []byte(text), 0o644))
	return file
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
