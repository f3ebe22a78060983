package registry

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/projectatomic/buildah/internal/testenv"
)

// shared are the program under test and the registries, started once.
var shared struct {
	once    sync.Once
	err     error
	dir     string
	program string
	open    *server // plain HTTP
	locked  *server // TLS, and user:secret
	seeded  seeded
}

func TestMain(m *testing.M) {
	status := m.Run()
	for _, s := range []*server{shared.open, shared.locked} {
		if s != nil && s.cmd != nil {
			_ = s.cmd.Process.Kill()
			_ = s.cmd.Wait()
		}
	}
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(status)
}

// begin makes what all tests share. It skips the test where that is not possible.
func begin(t *testing.T) {
	t.Helper()
	t.Parallel()
	testenv.NeedRoot(t)
	registry := testenv.NeedProgram(t, "docker-registry")
	shared.once.Do(func() { shared.err = prepare(registry) })
	must(t, shared.err)
}

func prepare(registry string) (err error) {
	if shared.dir, err = os.MkdirTemp("", "buildah-registry-"); err != nil {
		return err
	}
	if shared.program = os.Getenv("BUILDAH_BINARY"); shared.program == "" {
		shared.program = filepath.Join(shared.dir, "buildah")
		if out, err := exec.Command("go", "build", "-o", shared.program, "../../cmd/buildah").CombinedOutput(); err != nil {
			return fmt.Errorf("building: %w\n%s", err, out)
		}
	}
	if shared.program, err = filepath.Abs(shared.program); err != nil {
		return err
	}
	if err := certificate(shared.dir); err != nil {
		return err
	}
	if shared.open, err = serve(registry, "open", "", "http"); err != nil {
		return err
	}
	hash, err := bcrypt.GenerateFromPassword([]byte("secret"), bcrypt.MinCost)
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(shared.dir, "htpasswd"), append([]byte("user:"), hash...), 0o600); err != nil {
		return err
	}
	tls := fmt.Sprintf(", tls: {certificate: %s/certs/ca.crt, key: %s/key.pem}}\nauth: {htpasswd: {realm: r, path: %s/htpasswd}", shared.dir, shared.dir, shared.dir)
	if shared.locked, err = serve(registry, "locked", tls, "https"); err != nil {
		return err
	}
	shared.seeded, err = seed()
	return err
}

// server is a real registry.
type server struct {
	host, url string
	cmd       *exec.Cmd
}

// client trusts every certificate: the tests' own requests are not what is tested.
var client = &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}

// serve starts one on a free port of the loopback; another program may take that first.
func serve(program, name, more, scheme string) (s *server, err error) {
	for range 5 {
		if s, err = serveOnce(program, name, more, scheme); err == nil {
			return s, nil
		}
	}
	return nil, err
}

func serveOnce(program, name, more, scheme string) (*server, error) {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &server{host: free.Addr().String()}
	s.url = scheme + "://" + s.host
	if err := free.Close(); err != nil {
		return nil, err
	}
	file := filepath.Join(shared.dir, name+".yml")
	config := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s/%s}}\nlog: {level: error, accesslog: {disabled: true}}\nhttp: {addr: %q%s}\n",
		shared.dir, name, s.host, more)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	s.cmd = exec.Command(program, "serve", file)
	if err := s.cmd.Start(); err != nil {
		return nil, err
	}
	for range 200 {
		if r, err := client.Get(s.url + "/v2/"); err == nil {
			return s, r.Body.Close()
		}
		time.Sleep(25 * time.Millisecond)
	}
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	return nil, fmt.Errorf("the registry at %s does not answer", s.host)
}

// certificate writes certs/ca.crt and key.pem for the loopback.
func certificate(dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tests"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return err
	}
	if err := os.Mkdir(filepath.Join(dir, "certs"), 0o755); err != nil {
		return err
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(filepath.Join(dir, "certs/ca.crt"), public, 0o600); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, "key.pem"), pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: secret}), 0o600)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
