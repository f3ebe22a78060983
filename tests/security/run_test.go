package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
)

// TestCVE_2021_3602: the environment of the processes above cannot be read.
func TestCVE_2021_3602(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		const script = "env; for f in /proc/*/environ /proc/*/task/*/environ /proc/*/cmdline; do tr '\\0' '\\n' <$f; done 2>/dev/null; true"
		p.sh(baseImage, script).ok()
		p.build("FROM " + baseImage + "\nRUN " + script + "; cat /proc/1/environ >/taken || true\n").ok()
	})
}

// TestCVE_2022_2990: a command has no group that the image does not give it.
func TestCVE_2022_2990(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		p.groups = []uint32{4242}
		p.sh(baseImage, "id -G").says("0")
		p.sh(baseImage, "id -G; grep ^Groups: /proc/self/status | xargs", "--user", "1000:100").says("100\nGroups: 100")
		p.build("FROM " + baseImage + "\nUSER 1000:100\nRUN id -G >/tmp/groups; test \"$(id -G)\" = 100\n").ok()
	})
}

// TestCVE_2022_27651: no capability is inheritable or ambient, and one who is not
// root has none at all.
func TestCVE_2022_27651(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		const caps = "grep -E '^Cap(Inh|Amb)' /proc/self/status | xargs"
		const none = "CapInh: 0000000000000000 CapAmb: 0000000000000000"
		p.sh(baseImage, caps).says(none)
		p.sh(baseImage, caps+"; grep -E '^Cap(Prm|Eff)' /proc/self/status | xargs", "--user", "1000").
			says(none + "\nCapPrm: 0000000000000000 CapEff: 0000000000000000")
		p.sh(baseImage, caps, "--cap-add", "CAP_NET_RAW").says(none)
	})
}

// TestCVE_2026_57231: a variable without a value in an image is not that of the host.
func TestCVE_2026_57231(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		p.image("localhost/evil", files(p.t), func(img *imgspec.Image) {
			img.Config.Env = []string{"PATH=/bin", "HOST_CANARY", "=HOST_CANARY", ""}
		})
		p.sh("localhost/evil", "env; tr '\\0' '\\n' </proc/self/environ").ok()
		p.build("FROM localhost/evil\nRUN env >/taken; env\nENV TAKEN=$HOST_CANARY\n").ok()
		p.buildah("inspect", "--type", "image", "built").ok()
	})
}

// TestCVE_2026_94603: what an image says in annotations and labels tells the runtime
// nothing.
func TestCVE_2026_94603(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		if p.mode.isolation == "chroot" {
			t.Skip("there is no runtime")
		}
		container := strings.TrimSpace(p.buildah("from", "--pull=never", baseImage).ok().out)
		for _, key := range []string{"run.oci.keep_original_groups", "org.systemd.property.CollectMode", "run.oci.hooks.stdout"} {
			p.buildah("config", "--annotation", key+"=1", "--label", key+"=1", container).ok()
		}
		p.buildah("commit", "-q", container, "localhost/evil").ok()
		p.write("bin/runc", "#!/bin/sh\nfor b; do test ! -e \"$b/config.json\" || cat \"$b/config.json\" >>"+p.path("home/seen")+"; done\nexec runc \"$@\"\n")
		must(t, os.Chmod(p.path("bin/runc"), 0o755))
		p.env = append(p.env, "BUILDAH_RUNTIME="+p.path("bin/runc"))
		p.sh("localhost/evil", "true").ok()
		p.build("FROM localhost/evil\nRUN true\n").ok()
		seen, err := os.ReadFile(p.path("home/seen"))
		must(t, err)
		if !strings.Contains(string(seen), `"ociVersion"`) || strings.Contains(string(seen), "run.oci") || strings.Contains(string(seen), "org.systemd") {
			t.Errorf("the runtime was told:\n%s", seen)
		}
	})
}

// TestLateWriter: a process that a RUN leaves behind writes nothing into the layer,
// nor anywhere else.
func TestLateWriter(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		mark := filepath.Base(p.dir) // the other modes have such processes, too
		p.build("FROM " + baseImage + "\nRUN (setsid sh -c 'while :; do date >>/late; sleep 0.01; : " + mark + "; done' >/dev/null 2>&1 &) ; sleep 0.1\nRUN sleep 0.2; cp /late /kept; sleep 0.2; cmp /late /kept\n").ok()
		p.sh("built", "cmp /late /kept").ok()
		if left, _ := exec2(t, "pgrep", "-f", ": "+mark+"; done"); left != "" {
			t.Errorf("still running: %s", left)
		}
	})
}

// TestOutputFileKeepsOwner: a runtime that hands the streams to the user of the
// container does not get those of the caller.
func TestOutputFileKeepsOwner(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		container := strings.TrimSpace(p.buildah("from", "--pull=never", baseImage).ok().out)
		p.write("home/out", "")
		out, err := os.OpenFile(p.path("home/out"), os.O_RDWR, 0)
		must(t, err)
		defer out.Close()
		before := statText(t, p.path("home/out"))
		p.stdout = out
		p.buildah("run", "--user", "1000:1000", container, "sh", "-c", "id -u; chmod 777 /proc/self/fd/1 2>/dev/null; true").ok()
		p.stdout = nil
		if after := statText(t, p.path("home/out")); after != before {
			t.Errorf("the file of the output was %s and is %s", before, after)
		}
		if text, _ := os.ReadFile(p.path("home/out")); string(text) != "1000\n" {
			t.Errorf("it has %q", text)
		}
	})
}

// statText is what a runtime could change of a file.
func statText(t *testing.T, path string) string {
	t.Helper()
	st := lstat(t, path)
	return fmt.Sprintf("%o %d:%d", st.Mode, st.Uid, st.Gid)
}
