package fleet

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/moby/sys/mountinfo"
	"golang.org/x/sys/unix"
)

// registry is the address of the registry in its network. No other test is in it.
const registry = "10.79.0.1:5000"

// hall is a network of machines around a registry.
type hall struct {
	t       testing.TB
	dir     string
	program string
	prefix  string // of the names of network namespaces
}

func newHall(t testing.TB) *hall {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	for _, name := range []string{"ip", "nsenter", "docker-registry", "busybox", "curl"} {
		if _, err := exec.LookPath(name); err != nil {
			t.Skipf("needs the program %q, which is not installed", name)
		}
	}
	dir, err := os.MkdirTemp("/var/tmp", "buildah-fleet-test-")
	must(t, err)
	h := &hall{t: t, dir: dir, program: program(t, dir), prefix: filepath.Base(dir)[len("buildah-"):]}
	t.Cleanup(h.clean)
	must(t, os.Mkdir(h.path("tmp"), 0o700))
	write(t, h.path("policy.json"), `{"default":[{"type":"insecureAcceptAnything"}]}`)
	write(t, h.path("registries.conf"), fmt.Sprintf("unqualified-search-registries = []\n[[registry]]\nlocation = %q\ninsecure = true\n", registry))
	return h
}

// program gives the program under test: BUILDAH_BINARY, else it is built.
func program(t testing.TB, dir string) string {
	t.Helper()
	if path := os.Getenv("BUILDAH_BINARY"); path != "" {
		return path
	}
	path := filepath.Join(dir, "buildah")
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", path, "../../cmd/buildah").CombinedOutput()
	if err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return path
}

// clean leaves nothing mounted, no namespace and no file.
func (h *hall) clean() {
	h.remove(h.dir)
	names, err := filepath.Glob("/run/netns/" + h.prefix + "-*")
	must(h.t, err)
	for _, name := range names {
		out, err := exec.CommandContext(context.Background(), "ip", "netns", "del", filepath.Base(name)).CombinedOutput()
		if err != nil {
			h.t.Errorf("removing %q: %v\n%s", name, err, out)
		}
	}
}

// remove removes a directory with what is mounted below it.
func (h *hall) remove(dir string) {
	h.t.Helper()
	mounts, err := mountinfo.GetMounts(mountinfo.PrefixFilter(dir))
	must(h.t, err)
	for i := len(mounts) - 1; i >= 0; i-- {
		_ = unix.Unmount(mounts[i].Mountpoint, unix.MNT_DETACH)
	}
	must(h.t, os.RemoveAll(dir))
}

func (h *hall) path(name string) string { return filepath.Join(h.dir, name) }

// ip runs one command of ip(8) for each line, in the namespace that is its first word.
func (h *hall) ip(lines string) {
	h.t.Helper()
	for line := range strings.Lines(lines) {
		name, words, _ := strings.Cut(strings.TrimSpace(line), " ")
		args := append([]string{"-n", h.prefix + "-" + name}, strings.Fields(strings.ReplaceAll(words, "NS", h.prefix))...)
		out, err := exec.CommandContext(h.t.Context(), "ip", args...).CombinedOutput()
		if err != nil {
			h.t.Fatalf("ip %q: %v\n%s", args, err, out)
		}
	}
}

func (h *hall) namespace(name string) {
	h.t.Helper()
	out, err := exec.CommandContext(h.t.Context(), "ip", "netns", "add", h.prefix+"-"+name).CombinedOutput()
	if err != nil {
		h.t.Fatalf("adding a network namespace: %v\n%s", err, out)
	}
	h.ip(name + " link set lo up")
}

// inside prepares a command in the network of a machine.
func (h *hall) inside(ctx context.Context, name string, words ...string) *exec.Cmd {
	return exec.CommandContext(ctx, "nsenter", append([]string{"--net=/run/netns/" + h.prefix + "-" + name}, words...)...)
}

// serve starts an empty registry, to which all machines of the network have a way.
func (h *hall) serve() {
	h.t.Helper()
	h.namespace("registry")
	h.ip(`registry link add bridge type bridge
		registry addr add 10.79.0.1/24 dev bridge
		registry link set bridge up`)
	write(h.t, h.path("registry.yml"), fmt.Sprintf("version: 0.1\nstorage: {filesystem: {rootdirectory: %s}}\nhttp: {addr: %q}\nlog: {level: error, accesslog: {disabled: true}}\n", h.path("registry"), registry))
	ctx, stop := context.WithCancel(context.Background())
	server := h.inside(ctx, "registry", "docker-registry", "serve", h.path("registry.yml"))
	var words bytes.Buffer
	server.Stdout, server.Stderr = &words, &words
	must(h.t, server.Start())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Wait(); ctx.Err() == nil {
			h.t.Errorf("the registry ended before the test: %v\n%s", err, &words)
		}
	}()
	h.t.Cleanup(func() {
		stop()
		<-ended
	})
	for range 300 {
		if h.inside(h.t.Context(), "registry", "curl", "-fso", "/dev/null", "http://"+registry+"/v2/").Run() == nil {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	h.t.Fatal("the registry does not answer")
}

// machine is a place to build: a network namespace and a store.
type machine struct {
	*hall
	name string
}

func (h *hall) machine(number int) *machine {
	h.t.Helper()
	m := &machine{hall: h, name: fmt.Sprint("m", number)}
	h.namespace(m.name)
	h.ip(fmt.Sprintf(`registry link add %[1]s type veth peer name eth0 netns NS-%[1]s
		registry link set %[1]s master bridge up
		%[1]s addr add 10.79.0.%[2]d/24 dev eth0
		%[1]s link set eth0 up`, m.name, number+2))
	return m
}

// empty gives the machine a new store, as a pod has one that was just started.
func (m *machine) empty() { m.remove(m.path(m.name)) }

// received is what came over the network so far, in bytes.
func (m *machine) received() int64 {
	m.t.Helper()
	out, err := exec.CommandContext(m.t.Context(), "ip", "-n", m.prefix+"-"+m.name, "-s", "-j", "link", "show", "dev", "eth0").Output()
	must(m.t, err)
	var links []struct {
		Stats struct {
			RX struct {
				Bytes int64 `json:"bytes"`
			} `json:"rx"`
		} `json:"stats64"`
	}
	must(m.t, json.Unmarshal(out, &links))
	return links[0].Stats.RX.Bytes
}

// buildah prepares a command of the program on the machine.
func (m *machine) buildah(ctx context.Context, args ...string) *exec.Cmd {
	words := append([]string{m.program, "--root", m.path(m.name + "/root"), "--runroot", m.path(m.name + "/run"), "--storage-driver", "overlay"}, args...)
	cmd := m.inside(ctx, m.name, words...)
	cmd.Dir = m.dir
	for _, kv := range os.Environ() {
		if !strings.HasPrefix(kv, "BUILDAH_") && !strings.HasPrefix(kv, "SOURCE_DATE_EPOCH=") {
			cmd.Env = append(cmd.Env, kv)
		}
	}
	cmd.Env = append(cmd.Env, "CONTAINERS_REGISTRIES_CONF="+m.path("registries.conf"), "CONTAINERS_POLICY_JSON="+m.path("policy.json"),
		"BUILDAH_ISOLATION=chroot", "TMPDIR="+m.path("tmp"))
	return cmd
}

func (m *machine) run(args ...string) string {
	m.t.Helper()
	out, err := m.buildah(m.t.Context(), args...).CombinedOutput()
	if err != nil {
		m.t.Fatalf("%q: %v\n%s", args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func write(t testing.TB, name, text string) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(name), 0o755))
	must(t, os.WriteFile(name, []byte(text), 0o644))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
