package transfer

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/testenv"
)

// keyPair writes an RSA key pair and returns the two files.
func keyPair(t *testing.T) (public, private string) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	must(t, err)
	der, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	must(t, err)
	dir := t.TempDir()
	public, private = filepath.Join(dir, "public.pem"), filepath.Join(dir, "private.pem")
	must(t, os.WriteFile(public, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}), 0o600))
	block := pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	must(t, os.WriteFile(private, pem.EncodeToMemory(&block), 0o600))
	return public, private
}

// realRegistry starts the registry that is installed and returns its address.
func realRegistry(t *testing.T) string {
	t.Helper()
	program := testenv.NeedProgram(t, "docker-registry")
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	host := l.Addr().String()
	must(t, l.Close())
	dir := t.TempDir()
	conf := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s/data}}\nhttp: {addr: %s}\nlog: {level: error}\n", dir, host)
	must(t, os.WriteFile(dir+"/config.yml", []byte(conf), 0o600))
	cmd := exec.Command(program, "serve", dir+"/config.yml")
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for range 100 {
		if c, err := net.Dial("tcp", host); err == nil {
			_ = c.Close()
			return host
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatal("the registry does not answer")
	return ""
}
