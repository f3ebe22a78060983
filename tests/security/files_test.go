package security

import (
	"archive/tar"
	"fmt"
	"os"
	"strings"
	"testing"
)

// ways are links that lead from inside to a directory of the host.
func (p *place) ways() []string {
	return []string{p.canary, strings.Repeat("../", 12) + p.canary[1:], "/proc/self/root" + p.canary, "/proc/1/cwd/" + strings.Repeat("../", 12) + p.canary[1:]}
}

// TestCVE_2020_10696: an image has links where files are copied to.
func TestCVE_2020_10696(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		image := files(t)
		for i, way := range p.ways()[:2] {
			image[fmt.Sprintf("l%d", i)] = "-> " + way
			image[fmt.Sprintf("f%d", i)] = "-> " + way + "/secret"
		}
		p.image("localhost/evil", image)
		p.write("context/file", "evil")
		p.write("context/dir/secret", "evil")
		p.write("context/a.tar", archive(t, file("secret"), file("sub/secret")))
		for i := range p.ways()[:2] {
			for _, step := range []string{"COPY file /l%d/secret", "COPY file /l%d/", "COPY dir /l%d", "COPY dir /l%d/new/", "COPY file /f%d", "ADD a.tar /l%d/", "COPY --chown=7:7 --chmod=777 file /f%d", "COPY <<E /f%d\nevil\nE"} {
				if r := p.build("FROM localhost/evil\n" + fmt.Sprintf(step, i) + "\n"); r.status != 0 {
					r.refused("Dockerfile:2") // /proc has no such file in an image
				}
			}
			for _, step := range []string{"COPY --from=localhost/evil /f%d /taken", "COPY --from=localhost/evil /l%d /taken", "COPY --from=localhost/evil /l%d/secret /taken"} {
				p.build("FROM " + baseImage + "\n" + fmt.Sprintf(step, i) + "\n").refused("Dockerfile:2")
			}
		}
	})
}

// TestCVE_2026_55686: the working directory is behind a link.
func TestCVE_2026_55686(t *testing.T) {
	attack(t, func(_ *testing.T, p *place) {
		image := files(p.t)
		for i, way := range p.ways()[:2] {
			image[fmt.Sprintf("l%d", i)] = "-> " + way
		}
		p.image("localhost/evil", image)
		for i := range p.ways()[:2] {
			p.build(fmt.Sprintf("FROM localhost/evil\nUSER 1000\nWORKDIR /l%[1]d/new/dir\nRUN pwd; ls -la .. ; cat ../../secret; echo x >made || true\nWORKDIR /l%[1]d/sub\nRUN cat secret; true\n", i)).ok()
			p.sh("localhost/evil", "cat secret sub/secret; touch made; true", "--workingdir", fmt.Sprintf("/l%d", i)).ok()
		}
	})
}

// TestCVE_2024_9676: the files of accounts are links, pipes, or without an end.
func TestCVE_2024_9676(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		for i, way := range p.ways()[:2] {
			name := fmt.Sprintf("localhost/evil%d", i)
			image := files(t)
			image["etc/passwd"], image["etc/group"] = "-> "+way+"/passwd", "-> "+way+"/passwd"
			p.image(name, image)
			p.sh(name, "id", "--user", "hostuser").refused("hostuser")
			p.build("FROM " + name + "\nRUN id; cat /etc/passwd || true\n").ok()
			p.build("FROM " + name + "\nCOPY --chown=hostuser Dockerfile /\n").refused("Dockerfile:2")
		}
		for _, file := range []string{"mkfifo /etc/passwd", "ln -s /dev/zero /etc/passwd", "ln -s passwd /etc/passwd", "dd if=/dev/zero of=/etc/passwd bs=1M seek=4095 count=1 2>/dev/null"} {
			p.build("FROM " + baseImage + "\nRUN rm /etc/passwd; " + file + "\nUSER nobody\nRUN id\n").refused("Dockerfile:4")
		}
	})
}

// TestCVE_2026_44517: links of a context lead out of it.
func TestCVE_2026_44517(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		for i, way := range p.ways() {
			p.write(fmt.Sprintf("context/d%d", i), "-> "+way)
			p.write(fmt.Sprintf("context/f%d", i), "-> "+way+"/secret")
		}
		for i := range p.ways() {
			for _, step := range []string{"COPY f%d /x", "COPY d%d /x", "COPY d%d/secret /x", "COPY d%d/* /x/", "ADD f%d /x", "COPY d%d/../f%d /x", "COPY --parents d%d/secret /x", "RUN --mount=type=bind,source=d%d,target=/m cat /m/secret", "RUN --mount=type=bind,source=f%d,target=/m cat /m"} {
				text := strings.ReplaceAll(step, "%d", fmt.Sprint(i))
				p.build("# syntax=docker/dockerfile:1-labs\nFROM " + baseImage + "\n" + text + "\n").refused("Dockerfile:3")
			}
		}
		p.build("FROM " + baseImage + "\nCOPY . /x\nADD . /y\n").ok()
		for _, name := range []string{".dockerignore", "Containerfile"} {
			p.write("context/"+name, "-> "+p.canary+"/secret")
		}
		p.buildah("build", "-q", p.path("context")).refused("") // no file of the host is read as a Containerfile
	})
}

// TestCVE_2026_44517_Archives: the same in a context that is an archive.
func TestCVE_2026_44517_Archives(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		for _, way := range p.ways() {
			for _, entries := range [][]tar.Header{
				{link("Dockerfile", way+"/secret")},
				{link("Containerfile", way+"/secret"), link(".dockerignore", way+"/secret")},
				{link("d", way), file("d/secret"), file("d/made"), link("Dockerfile", "d/secret")},
				{link("d", way), hardLink("Dockerfile", "d/secret")},
			} {
				p.stdin = archive(t, entries...)
				r := p.buildah("build", "-q", "-")
				p.stdin = ""
				r.refused("")
			}
		}
	})
}

// TestCVE_2026_28406: names in archives lead out of the directory, also to one whose
// name begins like it.
func TestCVE_2026_28406(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		for _, name := range []string{"../made", "/made", "../context-evil/made", "x/../../made", strings.Repeat("../", 12) + p.canary[1:] + "/secret", p.canary + "/secret", "./../made"} {
			p.write("context/a.tar", archive(t, dir("x"), file(name)))
			if r := p.build("FROM " + baseImage + "\nADD a.tar /some/deep/place/\n"); r.status != 0 {
				r.refused("Dockerfile:2")
			}
			p.stdin = archive(t, file(name), link("Dockerfile", "nowhere"))
			r := p.buildah("build", "-q", "-")
			p.stdin = ""
			r.refused("")
		}
		for _, made := range []string{"made", "context-evil", "tmp/made", "root/made"} {
			if _, err := os.Lstat(p.path(made)); err == nil {
				t.Errorf("%s was made", made)
			}
		}
	})
}

// TestCVE_2026_17106: chains of links in an archive, each harmless by itself.
func TestCVE_2026_17106(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		for _, way := range p.ways()[:2] {
			for _, entries := range [][]tar.Header{
				{link("a", way), file("a/secret"), file("a/made")},
				{link("a", "."), link("a/b", ".."), link("a/b/c", way), file("a/b/c/secret")},
				{dir("d"), link("d/e", way), link("f", "d/e"), file("f/sub/secret"), file("f/made")},
				{link("a", way+"/secret"), file("a")},
				{link("a", way), dir("a"), file("a/made")},
				{hardLink("h", way+"/secret"), file("h")},
				{link("a", way), hardLink("h", "a/secret"), file("h")},
				{link("a", way), hardLink("a/made", "a/secret")},
				{link("loop", "loop"), file("loop/x")},
				{{Typeflag: tar.TypeChar, Name: "zero", Devmajor: 1, Devminor: 5}, {Typeflag: tar.TypeFifo, Name: "pipe"}, link("a", "pipe"), file("a")},
			} {
				p.write("context/a.tar", archive(t, entries...))
				if r := p.build("FROM " + baseImage + "\nADD a.tar /x/\nRUN true\n"); r.status != 0 {
					r.refused("Dockerfile:2")
				}
			}
		}
	})
}

// TestWhiteoutNames: a file that a layer would take for the deletion of another.
func TestWhiteoutNames(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		for _, name := range []string{".wh.etc", ".wh..wh..opq", ".wh.", ".wh..wh.plnk"} {
			p.write("context/dir/"+name, "evil")
			p.build("FROM " + baseImage + "\nCOPY dir /etc/\n").refused(name)
			p.write("context/a.tar", archive(t, file(name)))
			p.build("FROM " + baseImage + "\nADD a.tar /etc/\n").refused("Dockerfile:2")
			p.build("FROM " + baseImage + "\nRUN touch /etc/" + name + "\n").refused(name)
			must(t, os.Remove(p.path("context/dir/"+name)))
		}
		p.sh(baseImage, "cat /etc/passwd >/dev/null").ok()
	})
}
