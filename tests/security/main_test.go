package security

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

// shared are the program under test and a base image, made once.
var shared struct {
	once    sync.Once
	err     error
	dir     string
	program string
}

func TestMain(m *testing.M) {
	status := m.Run()
	if shared.dir != "" {
		os.RemoveAll(shared.dir)
	}
	os.Exit(status)
}

// program gives the program under test, which every user can read: BUILDAH_BINARY,
// else it is built.
func program(t testing.TB) string {
	t.Helper()
	testenv.NeedRoot(t)
	shared.once.Do(func() {
		if shared.dir, shared.err = os.MkdirTemp("/var/tmp", "buildah-security-"); shared.err != nil {
			return
		}
		if shared.err = os.Chmod(shared.dir, 0o755); shared.err != nil {
			return
		}
		shared.program = filepath.Join(shared.dir, "buildah")
		if made := os.Getenv("BUILDAH_BINARY"); made != "" {
			var data []byte
			if data, shared.err = os.ReadFile(made); shared.err == nil {
				shared.err = os.WriteFile(shared.program, data, 0o755)
			}
			return
		}
		if out, err := exec.Command("go", "build", "-o", shared.program, "../../cmd/buildah").CombinedOutput(); err != nil {
			shared.err = fmt.Errorf("building: %w\n%s", err, out)
		}
	})
	must(t, shared.err)
	return shared.program
}

// mode is one way to run the program.
type mode struct {
	name      string
	user      bool // an ordinary user, in a user namespace
	isolation string
}

var modes = []mode{
	{"root, runtime", false, "oci"},
	{"root, chroot", false, "chroot"},
	{"user, runtime", true, "rootless"},
	{"user, chroot", true, "chroot"},
}

// attack runs a test in every mode.
func attack(t *testing.T, test func(*testing.T, *place)) {
	t.Helper()
	t.Parallel()
	program(t)
	for _, m := range modes {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if m.isolation != "chroot" {
				testenv.NeedProgram(t, "runc")
			}
			test(t, newPlace(t, m))
		})
	}
}

// attackStore runs a test once as root and once as a user: nothing is run in it.
func attackStore(t *testing.T, test func(*testing.T, *place)) {
	t.Helper()
	t.Parallel()
	program(t)
	for _, m := range modes {
		if m.isolation != "chroot" {
			continue
		}
		t.Run(m.name[:4], func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, m))
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
