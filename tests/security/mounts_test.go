package security

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCVE_2024_1753: the source of a bind mount from an image or a stage is a link to
// the host's root.
func TestCVE_2024_1753(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		for _, target := range []string{"/", "/../../../../../../../..", p.canary, "/proc/1/root", "/proc/self/cwd"} {
			dockerfile := fmt.Sprintf("FROM %s AS evil\nRUN ln -s %s /link\nFROM %s\n"+
				"RUN --mount=type=bind,from=evil,source=/link,target=/m,rw ls -la /m; cat /m/secret /m%s/secret; touch /m/made /m%s/made; true\n", baseImage, target, baseImage, p.canary, p.canary)
			if r := p.build(dockerfile); r.status != 0 {
				r.refused("Dockerfile:4")
			}
		}
		if _, err := os.Lstat("/made"); err == nil {
			t.Error("a RUN made /made on the host")
		}
	})
}

// TestCVE_2024_11218: of two stages at once, one swaps what the other mounts.
func TestCVE_2024_11218(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		var text strings.Builder
		fmt.Fprintf(&text, "FROM %s AS swap\nRUN --mount=type=cache,id=shared,target=/c i=0; while [ $i -lt 300 ]; do rm -rf /c/d; ln -s %s /c/d; rm /c/d; mkdir /c/d; i=$((i+1)); done\n", baseImage, p.canary)
		fmt.Fprintf(&text, "FROM %s AS victim\n", baseImage)
		for range 5 {
			text.WriteString("RUN --mount=type=cache,id=shared,source=d,target=/m cat /m/secret; touch /m/made; true\n")
		}
		fmt.Fprintf(&text, "FROM %s\nCOPY --from=swap /bin/true /1\nCOPY --from=victim /bin/true /2\n", baseImage)
		if r := p.build(text.String(), "--jobs", "2"); r.status != 0 {
			r.refused("Dockerfile:") // d was not there, or no directory
		}
	})
}

// TestCVE_2024_9407: options of a bind mount are those that are known.
func TestCVE_2024_9407(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		for _, option := range []string{"bind-propagation=suid", "bind-propagation=private,upperdir=/", "bind-propagation=rbind", "lowerdir=/", "bind-propagation=", "x-remap=/"} {
			for _, kind := range []string{"bind,source=.", "cache"} {
				p.build("FROM " + baseImage + "\nRUN --mount=type=" + kind + ",target=/m," + option + " true\n").refused("Dockerfile:2")
			}
		}
	})
}

// TestCVE_2024_9675: identifiers and sources of cache mounts stay in the cache.
func TestCVE_2024_9675(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		up := strings.Repeat("../", 12)
		for _, mount := range []string{
			"id=" + up + p.canary[1:], "id=" + p.canary, "source=" + up + p.canary[1:], "source=" + p.canary,
			"id=a,source=..", "id=..", "id=.", "from=" + baseImage + ",source=" + up + p.canary[1:],
		} {
			r := p.build("FROM " + baseImage + "\nRUN --mount=type=cache,target=/m," + mount + " ls -la /m; cat /m/secret /m/*/secret; touch /m/made; rm -rf /m/sub; true\n")
			if r.status != 0 {
				r.refused("Dockerfile:2")
			}
		}
	})
}

// TestCVE_2024_23651: a RUN leaves a link in its cache where a later one mounts a part.
func TestCVE_2024_23651(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		for _, link := range []string{p.canary, strings.Repeat("../", 12) + p.canary[1:], "/", "/proc/self/root" + p.canary} {
			r := p.build(fmt.Sprintf("FROM %s\nRUN --mount=type=cache,id=x,target=/c rm -rf /c/d; ln -s %s /c/d\n"+
				"RUN --mount=type=cache,id=x,source=d,target=/m cat /m/secret /m%s/secret; touch /m/made; true\n", baseImage, link, p.canary))
			if r.status != 0 {
				r.refused("Dockerfile:3")
			}
		}
	})
}

// TestCVE_2024_23652: the place that was made for a mount is exchanged for a link
// before it is taken away.
func TestCVE_2024_23652(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		p.write("context/file", "text")
		p.build(fmt.Sprintf("FROM %[1]s\nRUN mkdir -p /keep/deep\n"+
			"RUN --mount=type=tmpfs,target=/a/sub/deep --mount=type=bind,source=file,target=/b/secret umount /a/sub/deep 2>/dev/null; mv /a /old; ln -s %[2]s /a; mv /b /old2; ln -s %[2]s /b; true\n"+
			"RUN --mount=type=tmpfs,target=/k/deep mv /k /old3; ln -s /keep /k; true\n", baseImage, p.canary)).ok()
		p.sh("built", "test -d /keep/deep").ok()
		if _, err := os.Lstat(filepath.Join(p.canary, "sub/deep")); err != nil {
			t.Error(err)
		}
	})
}

// TestCVE_2025_4953: what a RUN writes to its mounted context does not reach the host.
func TestCVE_2025_4953(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		p.write("context/sub/file", "text")
		p.write("context/link", "-> "+p.canary)
		p.build("FROM " + baseImage + "\n" +
			"RUN --mount=type=bind,source=.,target=/m,rw echo evil >/m/sub/file; echo evil >/m/made; mkdir /m/dir; chmod 4777 /m/sub; chown 77 /m/sub; rm -r /m/link; echo evil >/m/link/secret; true\n" +
			"RUN --mount=type=bind,source=sub,target=/m,rw rm -r /m/file; ln -s / /m/file; true\n").ok()
		if text, err := os.ReadFile(p.path("context/sub/file")); err != nil || string(text) != "text" {
			t.Errorf("the file has %q: %v", text, err)
		}
		entries, err := os.ReadDir(p.path("context"))
		must(t, err)
		if len(entries) != 2 || lstat(t, p.path("context/sub")).Mode&0o7777 != 0o755 {
			t.Errorf("the context has %v", entries)
		}
	})
}

// TestCVE_2024_9341: where something of ours is mounted, the image has a link.
func TestCVE_2024_9341(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		for _, up := range []string{"", strings.Repeat("../", 12)} {
			image := files(t)
			for name, target := range map[string]string{"etc/hosts": "/hosts", "etc/resolv.conf": "/new", "etc/hostname": "/sub/new", "run": "", "etc/system-fips": "/fips", "etc/crypto-policies": "/sub"} {
				image[name] = "-> " + up + p.canary + target
			}
			p.image("localhost/evil", image)
			p.write("context/file", "text")
			script := "cat /etc/hosts /etc/resolv.conf /etc/hostname; echo evil >>/etc/hosts; touch /run/made; true"
			p.sh("localhost/evil", script)
			r := p.build("FROM localhost/evil\nRUN "+script+"\nRUN --mount=type=secret,id=s ls -la /run /run/secrets; true\n", "--secret", "id=s,src="+p.path("context/file"))
			if r.status != 0 {
				r.refused("Dockerfile:")
			}
		}
	})
}
