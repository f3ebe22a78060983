package transports

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sync"
	"testing"
	"time"
)

// daemon keeps images as the docker daemon does, for those who speak to it: what
// was loaded comes out again.
type daemon struct {
	mutex  sync.Mutex
	images map[string][]byte // archives by name
}

var daemonPath = regexp.MustCompile(`^(?:/v[0-9.]+)?/(_ping|images/load|images/get|images/(.+)/get)$`)

func (d *daemon) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	w.Header().Set("Api-Version", "1.41")
	m := daemonPath.FindStringSubmatch(q.URL.Path)
	switch {
	case m == nil:
		http.Error(w, `{"message":"page not found"}`, http.StatusNotFound)
	case m[1] == "_ping":
		fmt.Fprint(w, "OK")
	case m[1] == "images/load":
		d.load(w, q)
	default:
		name := m[2]
		if name == "" {
			name = q.URL.Query().Get("names")
		}
		image, ok := d.images[name]
		if !ok {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusNotFound)
			fmt.Fprintf(w, `{"message":"no such image: %s"}`, name)
			return
		}
		_, _ = w.Write(image)
	}
}

func (d *daemon) load(w http.ResponseWriter, q *http.Request) {
	data, err := io.ReadAll(q.Body)
	if err == nil {
		err = d.keep(data)
	}
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		text, _ := json.Marshal(map[string]any{"errorDetail": map[string]string{"message": err.Error()}, "error": err.Error()})
		_, _ = w.Write(text)
		return
	}
	fmt.Fprint(w, `{"stream":"Loaded image\n"}`)
}

// keep finds the names in an archive.
func (d *daemon) keep(data []byte) error {
	for entries := tar.NewReader(bytes.NewReader(data)); ; {
		h, err := entries.Next()
		if err != nil {
			return fmt.Errorf("an archive without a manifest: %w", err)
		}
		if h.Name != "manifest.json" {
			continue
		}
		var list []struct{ RepoTags []string }
		if err := json.NewDecoder(entries).Decode(&list); err != nil {
			return err
		}
		for _, img := range list {
			for _, tag := range img.RepoTags {
				d.images[tag] = data
			}
		}
		return nil
	}
}

// startDaemon gives DOCKER_HOST of docker's own daemon, where one is installed and
// works, else of ours.
func startDaemon(t *testing.T) string {
	t.Helper()
	if host, ok := realDaemon(t); ok {
		t.Log("with dockerd")
		return host
	}
	return ownDaemon(t)
}

func ownDaemon(t *testing.T) string {
	t.Helper()
	socket := filepath.Join(shortDir(t), "docker.sock")
	l, err := net.Listen("unix", socket)
	must(t, err)
	s := &http.Server{Handler: &daemon{images: map[string][]byte{}}, ReadHeaderTimeout: time.Minute}
	go func() {
		if err := s.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { _ = s.Close() })
	return "unix://" + socket
}

// shortDir is a directory whose path leaves room for the name of a socket.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/var/tmp", "bt-")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func realDaemon(t *testing.T) (host string, ok bool) {
	t.Helper()
	path, err := exec.LookPath("dockerd")
	if err != nil {
		return "", false
	}
	dir := shortDir(t)
	host = "unix://" + filepath.Join(dir, "docker.sock")
	output, err := os.Create(filepath.Join(dir, "log"))
	must(t, err)
	defer output.Close()
	cmd := exec.Command(path, "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs", "--data-root", filepath.Join(dir, "data"),
		"--exec-root", filepath.Join(dir, "exec"), "--pidfile", filepath.Join(dir, "pid"), "--host", host)
	cmd.Stdout, cmd.Stderr = output, output
	must(t, cmd.Start())
	done := make(chan struct{})
	go func() { defer close(done); _ = cmd.Wait() }()
	stop := func() { _ = cmd.Process.Signal(os.Interrupt); <-done }
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(dir, "docker.sock"))
	}}}
	for range 200 {
		if answer, err := client.Get("http://docker/_ping"); err == nil {
			answer.Body.Close()
			t.Cleanup(stop)
			return host, true
		}
		select {
		case <-done: // it can't work here
			return "", false
		case <-time.After(50 * time.Millisecond):
		}
	}
	stop()
	return "", false
}

// TestDaemonOverTCP: with TLS, as DOCKER_HOST, DOCKER_CERT_PATH, --cert-dir and
// --tls-verify say; what is refused otherwise.
func TestDaemonOverTCP(t *testing.T) {
	t.Parallel()
	handler := &daemon{images: map[string][]byte{}}
	plain := httptest.NewServer(handler)
	defer plain.Close()
	certificate, files := certificates(t)
	secure := httptest.NewUnstartedServer(handler)
	secure.TLS = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate}}
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	p := newPlace(t)
	for name, text := range files {
		p.write("certs/"+name, text)
	}
	p.subject(t)
	base := p.env
	with := func(vars ...string) { p.env = append(append([]string{}, base...), vars...) }

	host := "DOCKER_HOST=tcp://" + secure.Listener.Addr().String()
	with(host)
	p.refuses(t, "certificate", "push", "-q", "--retry", "0", "subject", "docker-daemon:example.com/a:1")
	p.refuses(t, "certificate", "pull", "-q", "--retry", "0", "docker-daemon:example.com/a:1")
	p.run(t, "push", "-q", "--tls-verify=false", "subject", "docker-daemon:example.com/a:1")
	p.run(t, "pull", "-q", "--cert-dir", "certs", "docker-daemon:example.com/a:1")
	with(host, "DOCKER_CERT_PATH="+p.path("certs"))
	p.run(t, "push", "-q", "subject", "docker-daemon:example.com/b:1")
	p.run(t, "pull", "-q", "docker-daemon:example.com/b:1")

	with("DOCKER_HOST=tcp://" + plain.Listener.Addr().String())
	p.refuses(t, "HTTPS", "push", "-q", "--retry", "0", "subject", "docker-daemon:example.com/a:1")
	p.refuses(t, "HTTPS", "pull", "-q", "--retry", "0", "docker-daemon:example.com/a:1")
	with("DOCKER_HOST=" + plain.URL)
	p.refuses(t, "without TLS", "pull", "-q", "docker-daemon:example.com/a:1")
}

// certificates makes a certificate for the loopback, and the files by which docker's
// programs know it.
func certificates(t *testing.T) (tls.Certificate, map[string]string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	raw, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	private, err := x509.MarshalECPrivateKey(key)
	must(t, err)
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: raw})
	secret := pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private})
	pair, err := tls.X509KeyPair(public, secret)
	must(t, err)
	return pair, map[string]string{"ca.pem": string(public), "cert.pem": string(public), "key.pem": string(secret)}
}

func TestNoDaemon(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	p.subject(t)
	p.env = append(p.env, "DOCKER_HOST=unix:///nosuch/docker.sock")
	p.refuses(t, "/nosuch/docker.sock", "push", "-q", "--retry", "0", "subject", "docker-daemon:x:1")
	p.refuses(t, "no such file", "push", "-q", "--retry", "0", "subject", "docker-daemon:x:1")
	p.refuses(t, "/nosuch/docker.sock", "pull", "-q", "--retry", "0", "docker-daemon:x:1")
	p.refuses(t, "/nosuch/docker.sock", "from", "-q", "--retry", "0", "docker-daemon:x:1")
	p.env = append(p.env, "DOCKER_HOST=ssh://jo@example.com")
	p.refuses(t, "over ssh", "pull", "-q", "docker-daemon:x:1")
	p.refuses(t, "over ssh", "push", "-q", "subject", "docker-daemon:x:1")
}
