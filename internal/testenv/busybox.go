package testenv

import (
	"debug/elf"
	"os"
	"os/exec"
	"strings"
	"testing"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/store"
)

// BusyboxFiles is a root file system with a static busybox and links for all of
// its applets. It skips the test when no static busybox is installed.
func BusyboxFiles(t testing.TB) Files {
	t.Helper()
	path := NeedProgram(t, "busybox")
	program, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("reading busybox: %v", err)
	}
	if !static(path) {
		t.Skip("needs a static busybox (package busybox-static)")
	}
	list, err := exec.CommandContext(t.Context(), path, "--list").Output()
	if err != nil {
		t.Fatalf("listing the applets of busybox: %v", err)
	}
	files := Files{
		"bin/busybox": string(program),
		"etc/passwd":  "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n",
		"etc/group":   "root:x:0:\ndaemon:x:1:\nnogroup:x:65534:\n",
		"root/":       "", "tmp/": "", "dev/": "", "proc/": "", "sys/": "", "usr/": "", "var/": "",
	}
	for applet := range strings.FieldsSeq(string(list)) {
		if applet != "busybox" {
			files["bin/"+applet] = "-> busybox"
		}
	}
	return files
}

// static tells whether an ELF file needs no loader.
func static(path string) bool {
	f, err := elf.Open(path)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			return false
		}
	}
	return true
}

// Busybox writes the image localhost/busybox:latest into a store: /bin/busybox
// with links for its applets, /etc/passwd and /etc/group, PATH and a shell as
// command. It returns the image's ID.
func Busybox(t testing.TB, s *store.Store) string {
	t.Helper()
	return BaseImage(t, s, "localhost/busybox:latest", BusyboxFiles(t), func(img *imgspec.Image) {
		img.Config.Env = []string{"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
		img.Config.Cmd = []string{"/bin/sh"}
	})
}
