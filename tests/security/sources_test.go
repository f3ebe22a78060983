package security

import (
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/internal/testenv"
)

// The password that a URL has in it; also as it is written in a URL.
const password, escaped = "pass#w0rd-canary", "pass%23w0rd-canary"

// server serves a repository and a file to those who know the password.
func (p *place) server() (address string) {
	p.t.Helper()
	testenv.NeedProgram(p.t, "git")
	work, served := p.t.TempDir(), p.t.TempDir()
	git := func(args ...string) {
		cmd := exec.CommandContext(p.t.Context(), "git", append([]string{"-C", work, "-c", "user.name=x", "-c", "user.email=x@example.com"}, args...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			p.t.Fatalf("git %q: %v\n%s", args, err, out)
		}
	}
	git("init", "-q", "-b", "main")
	for name, text := range map[string]string{"Dockerfile": "FROM " + baseImage + "\nCOPY . /x\n", "file": "text"} {
		must(p.t, os.WriteFile(work+"/"+name, []byte(text), 0o644))
	}
	for i, way := range append(p.ways(), "..", "../..") {
		must(p.t, os.Symlink(way, work+"/way"+itoa(i)))
	}
	git("add", ".")
	git("commit", "-q", "-m", "one")
	git("clone", "-q", "--bare", work, served+"/project.git")
	program, err := exec.LookPath("git")
	must(p.t, err)
	backend := &cgi.Handler{Path: program, Args: []string{"http-backend"}, Env: []string{"GIT_PROJECT_ROOT=" + served, "GIT_HTTP_EXPORT_ALL=1", "REMOTE_USER=user"}}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, given, _ := q.BasicAuth(); given != password {
			w.Header().Set("WWW-Authenticate", `Basic realm="x"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if strings.HasPrefix(q.URL.Path, "/project.git") {
			backend.ServeHTTP(w, q)
			return
		}
		if q.URL.Path != "/file" {
			http.NotFound(w, q)
			return
		}
		_, _ = w.Write([]byte("text"))
	}))
	p.t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

// silent fails the test where the password came out.
func (r result) silent() result {
	r.p.t.Helper()
	for _, text := range []string{password, escaped} {
		if strings.Contains(r.out+r.err, text) {
			r.p.t.Errorf("%s shows the password:\n%s%s", strings.ReplaceAll(r.what, text, "..."), r.out, r.err)
		}
	}
	return r
}

// TestCVE_2023_26054: the password in a URL is in no output, no image and no file.
func TestCVE_2023_26054(t *testing.T) {
	attackStore(t, func(t *testing.T, p *place) {
		at := "http://user:" + escaped + "@" + p.server()
		p.buildah("build", "-t", "built", at+"/project.git").silent().ok()
		p.buildah("build", at+"/missing.git").silent().refused("")
		p.buildah("build", at+"/project.git#nobranch").silent().refused("")
		p.buildah("build", at+"/project.git#:nodir").silent().refused("")
		p.buildah("build", at+"/missing.tar").silent().refused("")
		text := "FROM " + baseImage + "\nADD " + at + "/file /f\nADD " + at + "/project.git /g\n"
		if err := os.WriteFile(p.path("home/Dockerfile"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		p.own(p.path("home/Dockerfile"))
		for _, flags := range [][]string{nil, {"--layers"}, {"--layers"}} {
			args := append([]string{"build", "-t", "built", "-f", p.path("home/Dockerfile")}, flags...)
			p.buildah(append(args, p.path("context"))...).silent().ok()
		}
		p.write("home/broken", "FROM "+baseImage+"\nADD "+at+"/missing /f\n")
		p.buildah("build", "-f", p.path("home/broken"), p.path("context")).silent().refused("broken:2")
		p.buildah("inspect", "--type", "image", "built").silent().ok()
		container := strings.TrimSpace(p.buildah("from", "--pull=never", baseImage).ok().out)
		p.buildah("add", container, at+"/file", "/f").silent().ok()
		p.buildah("add", container, at+"/missing", "/f").silent().refused("")
		p.buildah("commit", "-q", container, "built").silent().ok()
		p.buildah("inspect", "--type", "image", "built").silent().ok()
		p.nowhere(password, "root", "run", "tmp")
		p.nowhere(escaped, "root", "run", "tmp")
	})
}

// TestCVE_2026_33748: the subdirectory of a repository is a link, or leads out of it.
func TestCVE_2026_33748(t *testing.T) {
	attackStore(t, func(_ *testing.T, p *place) {
		at := "http://user:" + escaped + "@" + p.server() + "/project.git#:"
		for _, sub := range []string{"way0", "way1", "way4", "../..", "way4/..", strings.Repeat("../", 12) + p.canary[1:], p.canary} {
			for _, args := range [][]string{{at + sub}, {"-f", p.path("home/Dockerfile"), p.path("context")}} {
				p.write("home/Dockerfile", "FROM "+baseImage+"\nADD "+at+sub+" /x\nRUN ls -a /x\n")
				if r := p.buildah(append([]string{"build"}, args...)...); r.status != 0 {
					r.refused("")
				}
			}
		}
	})
}

// TestCVE_2026_33747: nothing that a Dockerfile names is a program of the host or a
// place of the store.
func TestCVE_2026_33747(t *testing.T) {
	attack(t, func(t *testing.T, p *place) {
		up := strings.Repeat("../", 12) + p.canary[1:]
		for _, text := range []string{
			"# syntax=" + up + "/frontend\nFROM " + baseImage + "\nRUN true\n",
			"FROM " + baseImage + " AS stage\nRUN true\nFROM " + baseImage + "\nCOPY --from=" + up + " / /x\n",
			"FROM " + up + "\nRUN true\n",
			"FROM dir:" + up + "\nRUN true\n", "FROM oci:" + p.canary + "\n", "FROM oci-archive:" + up + "/secret\n", "FROM docker-archive:" + p.canary + "/secret\n",
			"FROM " + baseImage + "\nRUN --mount=type=secret,id=" + up + "/secret cat /run/secrets/*\n",
			"FROM " + baseImage + "\nRUN --mount=type=secret,id=x,required,target=" + up + "/made true\n",
			"FROM " + baseImage + "\nRUN --mount=type=tmpfs,target=" + up + " touch " + p.canary + "/made\n",
			"FROM " + baseImage + "\nRUN --mount=type=bind,from=" + up + ",target=/m ls /m\n",
			"FROM " + baseImage + "\nVOLUME " + up + "\nRUN touch " + p.canary + "/made; true\n",
		} {
			if r := p.build(text); r.status != 0 {
				r.refused("")
			}
		}
	})
}
