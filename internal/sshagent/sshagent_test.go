package sshagent

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"net"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"github.com/projectatomic/buildah/internal/secrets"
)

// newKey makes a key and its file.
func newKey(t *testing.T, passphrase string) (ssh.PublicKey, secrets.Key) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(private, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	key, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return key, secrets.Key{Path: "/keys/id", Data: pem.EncodeToMemory(block)}
}

// served serves a source until the test ends, and gives the socket.
func served(t *testing.T, a secrets.Agent) (socket string, server *Server) {
	t.Helper()
	source, err := Open(a)
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	return socket, Serve(l, source)
}

func dial(t *testing.T, socket string) agent.ExtendedAgent {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return agent.NewClient(conn)
}

// usable holds what a client can do with an agent, and what it cannot.
func usable(t *testing.T, client agent.ExtendedAgent, want ssh.PublicKey) {
	t.Helper()
	keys, err := client.List()
	if err != nil || len(keys) != 1 || string(keys[0].Blob) != string(want.Marshal()) {
		t.Fatalf("the agent lists %v, %v", keys, err)
	}
	if strings.Contains(keys[0].Comment, "/") {
		t.Errorf("a path of the host is told: %q", keys[0].Comment)
	}
	sig, err := client.Sign(want, []byte("data"))
	if err != nil || want.Verify([]byte("data"), sig) != nil {
		t.Fatalf("no good signature: %v", err)
	}
	_, other, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func() error{
		"add": func() error { return client.Add(agent.AddedKey{PrivateKey: other}) }, "remove": func() error { return client.Remove(want) },
		"remove all": client.RemoveAll, "lock": func() error { return client.Lock([]byte("x")) }, "unlock": func() error { return client.Unlock([]byte("x")) },
		"extension": func() error { _, err := client.Extension("session-bind@openssh.com", nil); return err },
	} {
		if change() == nil {
			t.Errorf("%s was done", name)
		}
	}
	if keys, err := client.List(); err != nil || len(keys) != 1 {
		t.Errorf("afterwards: %v, %v", keys, err)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	public, key := newKey(t, "")
	socket, server := served(t, secrets.Agent{Keys: []secrets.Key{key}})
	usable(t, dial(t, socket), public)
	// An agent that forwards to one.
	second, forwarding := served(t, secrets.Agent{Socket: socket})
	usable(t, dial(t, second), public)
	for _, s := range []*Server{forwarding, server} {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestCloseCutsOff closes an agent that more clients use than are served at once, while
// the agent behind it does not answer.
func TestCloseCutsOff(t *testing.T) {
	t.Parallel()
	silent := filepath.Join(t.TempDir(), "silent")
	l, err := net.Listen("unix", silent)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	socket, server := served(t, secrets.Agent{Socket: silent})
	answers := make(chan error, maxConnections+3)
	for range cap(answers) {
		client := dial(t, socket)
		go func() { _, err := client.List(); answers <- err }()
	}
	time.Sleep(50 * time.Millisecond)
	closed := make(chan error, 1)
	go func() { closed <- server.Close() }()
	select {
	case err := <-closed:
		if err != nil {
			t.Error(err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it does not end")
	}
	for range maxConnections {
		if <-answers == nil {
			t.Error("an answer came from nowhere")
		}
	}
}

func TestRefusedKeys(t *testing.T) {
	t.Parallel()
	_, protected := newKey(t, "x")
	pkcs8 := secrets.Key{Path: "/keys/8", Data: pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")})}
	for want, key := range map[string]secrets.Key{
		`cannot parse ssh key "/keys/id": it is protected by a passphrase`: protected,
		`cannot parse ssh key "/keys/8": it is protected by a passphrase`:  pkcs8,
		`cannot parse ssh key "/keys/no":`:                                 {Path: "/keys/no", Data: []byte("no key")},
	} {
		if _, err := Open(secrets.Agent{Keys: []secrets.Key{key}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error is %v, want one with %q", err, want)
		}
	}
}

func FuzzKey(f *testing.F) {
	f.Add([]byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if key, err := parse(data); err == nil && key == nil {
			t.Error("neither a key nor an error")
		}
	})
}
