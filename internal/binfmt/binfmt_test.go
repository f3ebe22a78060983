package binfmt

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// As Debian's qemu-user-static registers it.
const qemuArm64 = `enabled
interpreter /usr/libexec/qemu-binfmt/aarch64-binfmt-P
flags: POF
offset 0
magic 7f454c460201010000000000000000000200b700
mask ffffffffffffff00fffffffffffffffffeffffff
`

func TestSupports(t *testing.T) {
	t.Parallel()
	dir := func(status, handler string) fstest.MapFS {
		return fstest.MapFS{
			"status": {Data: []byte(status + "\n")}, "register": {Data: nil},
			"qemu-aarch64": {Data: []byte(handler)}, "broken": {Data: []byte("enabled\nmagic zz\n")},
			"by-name": {Data: []byte("enabled\ninterpreter /bin/x\nflags:\nextension .exe\n")},
		}
	}
	tests := map[string]struct {
		dir  fstest.MapFS
		arch string
		want Answer
	}{
		"registered":      {dir("enabled", qemuArm64), "arm64", Runs},
		"another machine": {dir("enabled", qemuArm64), "riscv64", DoesNotRun},
		"32 bits":         {dir("enabled", qemuArm64), "arm", DoesNotRun},
		"big endian":      {dir("enabled", qemuArm64), "s390x", DoesNotRun},
		"switched off":    {dir("enabled", "disabled"+qemuArm64[len("enabled"):]), "arm64", DoesNotRun},
		"all off":         {dir("disabled", qemuArm64), "arm64", DoesNotRun},
		"not mounted":     {fstest.MapFS{}, "arm64", Unknown},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := supports(test.dir, machines[test.arch]); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestSupportsThisMachine(t *testing.T) {
	t.Parallel()
	if Supports(runtime.GOARCH) != Runs || Supports("pdp11") != Unknown {
		t.Errorf("own %v, pdp11 %v", Supports(runtime.GOARCH), Supports("pdp11"))
	}
	if os.Geteuid() == 0 && Supports("mips64") == Unknown {
		t.Error("root cannot look at binfmt_misc")
	}
}

func TestConfigured(t *testing.T) {
	t.Parallel()
	one, two := t.TempDir(), t.TempDir()
	for file, text := range map[string]string{
		one + "/a.conf": "# comment\n:a:M::\\x7f::/bin/a:\n\n", two + "/a.conf": ":hidden:", two + "/b.conf": "; no\n:b:E::x::/bin/b:", two + "/c.txt": ":c:",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := configured([]string{one, two, filepath.Join(two, "none")})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`:a:M::\x7f::/bin/a:`, ":b:E::x::/bin/b:"}, lines); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
}

func FuzzHandler(f *testing.F) {
	f.Add(qemuArm64)
	f.Add("enabled\noffset -1\nmagic 00\nmask 0000\n")
	f.Fuzz(func(_ *testing.T, text string) {
		h, err := parseHandler(text)
		if err != nil {
			return
		}
		for _, m := range machines {
			h.takes(m.header())
		}
	})
}
