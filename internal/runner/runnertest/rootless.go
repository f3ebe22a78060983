package runnertest

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// rootlessEnv tells the test program that it is in a user namespace.
const rootlessEnv = "BUILDAH_TEST_ROOTLESS"

// InUserNamespace tells whether [Rootless] began this process.
func InUserNamespace() bool { return os.Getenv(rootlessEnv) != "" }

// Rootless runs a test of this program again as an ordinary user, who is root in a
// user namespace. It fails unless the subtests there pass.
func Rootless(t *testing.T, name string) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make the user")
	}
	if InUserNamespace() {
		return
	}
	const first, count = 200_000, 65_536
	home, err := os.MkdirTemp("", "rl") // sockets have short names
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	must(t, os.Chown(home, first, first))
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: first, Size: count}}
	cmd := exec.CommandContext(t.Context(), "/proc/self/exe", "-test.v", "-test.run=^"+name+"$")
	cmd.Env = append(os.Environ(), rootlessEnv+"=1", "TMPDIR="+home, "HOME="+home, "XDG_RUNTIME_DIR="+home, fmt.Sprintf("_CONTAINERS_ROOTLESS_UID=%d", first))
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: maps, GidMappings: maps, GidMappingsEnableSetgroups: true,
		Credential: &syscall.Credential{},
	}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+name+"/") {
		t.Fatalf("%v\n%s", err, out)
	}
}
