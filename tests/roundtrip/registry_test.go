package roundtrip

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"
)

// hub is the registry that all tests share.
var hub struct {
	once sync.Once
	host string
	err  error
	dir  string
	cmd  *exec.Cmd
}

// registry serves one on a free port of the loopback.
func registry(t testing.TB) (host string) {
	t.Helper()
	program := needs(t, "docker-registry")
	hub.once.Do(func() {
		if hub.dir, hub.err = os.MkdirTemp("", "registry-"); hub.err != nil {
			return
		}
		for range 5 { // another program may take the port first
			if hub.err = serve(program); hub.err == nil {
				return
			}
		}
	})
	must(t, hub.err)
	return hub.host
}

func serve(program string) error {
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	hub.host = free.Addr().String()
	if err := free.Close(); err != nil {
		return err
	}
	config := fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s}, delete: {enabled: true}}\nhttp: {addr: %q}\nlog: {level: error, accesslog: {disabled: true}}\n", hub.dir, hub.host)
	if err := os.WriteFile(hub.dir+"/config.yml", []byte(config), 0o600); err != nil {
		return err
	}
	hub.cmd = exec.Command(program, "serve", hub.dir+"/config.yml")
	if err := hub.cmd.Start(); err != nil {
		return err
	}
	for range 100 {
		if r, err := http.Get("http://" + hub.host + "/v2/"); err == nil {
			return r.Body.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	stopRegistry()
	return fmt.Errorf("the registry at %s does not answer", hub.host)
}

func stopRegistry() {
	if hub.cmd != nil {
		_ = hub.cmd.Process.Kill()
		_ = hub.cmd.Wait()
		hub.cmd = nil
	}
}
