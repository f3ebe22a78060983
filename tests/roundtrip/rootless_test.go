package roundtrip

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// rootlessEnv tells the tests that they run in a user namespace.
const rootlessEnv = "BUILDAH_TEST_ROOTLESS"

// TestEveryFileRootless is TestEveryFile again in a user namespace, as for ordinary
// users: overlay keeps its marks in attributes of another name, capabilities belong
// to the namespace, and there are no devices.
func TestEveryFileRootless(t *testing.T) {
	t.Parallel()
	buildah, mktree := programs(t)
	const first, count = 200_000, 1<<31 + 1000
	home, err := os.MkdirTemp("", "rt") // podman takes 50 characters for its runroot
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	programs := filepath.Join(home, "bin")
	must(t, os.Mkdir(programs, 0o755))
	for name, from := range map[string]string{"buildah": buildah, "mktree": mktree} {
		data, err := os.ReadFile(from)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(programs, name), data, 0o755))
		must(t, os.Chown(filepath.Join(programs, name), first, first)) // else it cannot be linked
	}
	must(t, os.Chown(home, first, first))
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: first, Size: count}}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^TestEveryFile$/^overlay$")
	cmd.Env = append(os.Environ(), rootlessEnv+"=1", "TMPDIR="+home, "HOME="+home, "XDG_RUNTIME_DIR="+home, "_CONTAINERS_USERNS_CONFIGURED=done", "_CONTAINERS_ROOTLESS_UID=200000",
		"BUILDAH_BINARY="+filepath.Join(programs, "buildah"), "BUILDAH_TEST_MKTREE="+filepath.Join(programs, "mktree"))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: maps, GidMappings: maps, GidMappingsEnableSetgroups: true,
		Credential: &syscall.Credential{},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for way := range ways() {
		for _, tool := range []string{"buildah_docker", "skopeo", "podman"} {
			if name := "TestEveryFile/overlay/" + strings.ReplaceAll(way, " ", "_") + "/" + tool; !strings.Contains(string(out), "--- PASS: "+name+" ") {
				t.Errorf("%s did not pass:\n%s", name, out)
			}
		}
	}
}
