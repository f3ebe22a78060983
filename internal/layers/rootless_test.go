package layers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// TestRootless runs the tests of this package again in a user namespace, as the
// command does for ordinary users: the kernel then keeps the marks of overlay in
// attributes of another name, and devices cannot be made.
func TestRootless(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 || testing.Short() {
		t.Skip("needs root, and seconds")
	}
	const first, count = 200_000, 300_000
	home := t.TempDir()
	must(t, os.Chmod(filepath.Dir(home), 0o711), os.Chown(home, first, first))
	maps := []syscall.SysProcIDMap{{ContainerID: 0, HostID: first, Size: count}}
	tests := []string{
		"Paths", "Clamp", "Stubs", "StubOverDeleted", "RootDirectory", "ForeignAttributes", "Refusals", "Squash", "AddTar", "Killed",
		"ACL", "ACLAlone", "Mapped",
	}
	cmd := exec.Command("/proc/self/exe", "-test.v", "-test.run=^Test("+strings.Join(tests, "|")+")$")
	cmd.Env = append(os.Environ(), "TMPDIR="+home, "HOME="+home, "XDG_RUNTIME_DIR="+home, "_CONTAINERS_USERNS_CONFIGURED=done", "_CONTAINERS_ROOTLESS_UID=200000")
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS, UidMappings: maps, GidMappings: maps, GidMappingsEnableSetgroups: true,
		Credential: &syscall.Credential{},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, path := range []string{"owned", "user's", "owned_on_vfs"} {
		if !strings.Contains(string(out), "--- PASS: TestPaths/"+path+" ") {
			t.Errorf("path %q was not taken:\n%s", path, out)
		}
	}
}
