package builder

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/transfer"
)

// flaky is a server that answers each request by the next of its scripts, the
// last one for ever.
type flaky struct {
	scripts []http.HandlerFunc
	seen    atomic.Int32
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := int(f.seen.Add(1)) - 1
	f.scripts[min(n, len(f.scripts)-1)](w, r)
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(code) }
}

func body(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(text)) }
}

// drop closes the connection without an answer.
func drop(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// cut closes the connection in the middle of the body.
func cut(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Length", "100")
	_, _ = w.Write([]byte("half"))
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

func serve(t *testing.T, scripts ...http.HandlerFunc) (string, *flaky) {
	t.Helper()
	f := &flaky{scripts: scripts}
	s := httptest.NewServer(f)
	t.Cleanup(s.Close)
	return s.URL, f
}

// TestDownloadRetries holds which failures are tried again, and how often.
func TestDownloadRetries(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	for name, c := range map[string]struct {
		scripts []http.HandlerFunc
		tries   int32
		fails   string
	}{
		"at once":            {[]http.HandlerFunc{body("x")}, 1, ""},
		"gateway, then fine": {[]http.HandlerFunc{status(502), status(503), body("x")}, 3, ""},
		"dropped, then fine": {[]http.HandlerFunc{drop, body("x")}, 2, ""},
		"gateway for ever":   {[]http.HandlerFunc{status(504)}, 3, "status 504"},
		"not found":          {[]http.HandlerFunc{status(404), body("x")}, 1, "status 404"},
		"server error":       {[]http.HandlerFunc{status(500), body("x")}, 1, "status 500"},
		"forbidden":          {[]http.HandlerFunc{status(403)}, 1, "status 403"},
		"no content":         {[]http.HandlerFunc{status(204)}, 1, ""},
		"redirect to self":   {[]http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path, http.StatusFound) }}, 10, "redirects"},
	} {
		t.Run(name, func(t *testing.T) {
			url, server := serve(t, c.scripts...)
			at := "/" + strings.ReplaceAll(name, " ", "-")
			_, err := b.Add(t.Context(), at, []string{url + "/file"}, AddOptions{Extract: true, Fetch: Fetch{Retries: 2, Delay: time.Millisecond}})
			switch {
			case c.fails == "" && err != nil:
				t.Error(err)
			case c.fails != "":
				wantError(t, err, c.fails)
			}
			if got := server.seen.Load(); got != c.tries {
				t.Errorf("asked %d times, want %d", got, c.tries)
			}
			if got := v.read(b, at); c.fails != "" && got != "missing" {
				t.Errorf("a failed download left %q", got)
			}
		})
	}
	if !strings.Contains(v.warned(), "retrying") {
		t.Errorf("retries were not announced: %s", v.warned())
	}
}

// TestDownloadCut checks that half a file never appears.
func TestDownloadCut(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	url, _ := serve(t, cut)
	if _, err := b.Add(t.Context(), "/f", []string{url + "/f"}, AddOptions{Extract: true}); err == nil {
		t.Error("a body that was cut short is no error")
	}
	if got := v.read(b, "f"); got != "missing" {
		t.Errorf("there is %q", got)
	}
}

// TestDownloadFile holds the mode, the time, the name and the digest of what was fetched.
func TestDownloadFile(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	modified := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	dated, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", modified.Format(http.TimeFormat))
		_, _ = w.Write([]byte("text"))
	})
	plain, _ := serve(t, body("text"))
	broken, _ := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Last-Modified", "yesterday")
		_, _ = w.Write([]byte("text"))
	})
	add := func(dest, url string, o AddOptions) (Added, error) {
		o.Extract = true
		return b.Add(t.Context(), dest, []string{url}, o)
	}
	one := try(add("/dir/", dated+"/a/name.txt?x=1", AddOptions{}))(t)
	_ = try(add("/plain", plain+"/x", AddOptions{Ownership: Ownership{Chmod: "644"}}))(t)
	_ = try(add("/sum", plain+"/x", AddOptions{Checksum: digest.FromString("text").String()}))(t)
	if one.Digest != hash("text") || one.Kind != "" || one.Summary() != hash("text") {
		t.Errorf("got %+v", one)
	}
	v.inside(b, func(root string) {
		for name, want := range map[string]time.Time{"/dir/name.txt": modified, "/plain": time.Unix(0, 0)} {
			if info := try(os.Stat(root + name))(t); !info.ModTime().Equal(want) {
				t.Errorf("%q is of %v, want %v", name, info.ModTime(), want)
			}
		}
		if a, b := look(t, root+"/dir/name.txt"), look(t, root+"/plain"); a != "0:0 600" || b != "0:0 644" {
			t.Errorf("owners and modes: %q, %q", a, b)
		}
	})
	_, err := add("/broken", broken+"/x", AddOptions{})
	wantError(t, err, "yesterday")
	_, err = add("/wrong", plain+"/x", AddOptions{Checksum: digest.FromString("other").String()})
	wantError(t, err, "unexpected response digest")
	if v.read(b, "wrong") != "missing" || v.read(b, "broken") != "missing" {
		t.Error("a download that was refused left a file")
	}
}

// TestDownloadSecrets checks that no message tells the password in a URL.
func TestDownloadSecrets(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	var authorized atomic.Bool
	url, _ := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); ok && user == "me" && password == "hunter2" {
			authorized.Store(true)
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	secret := strings.Replace(url, "http://", "http://me:hunter2@", 1)
	refused := "http://me:hunter2@127.0.0.1:1"
	for _, source := range []string{secret + "/x", refused + "/x", "http://me:hunter2@bad host/", "http://me:hunter2@[::1/x", "https://me:hun%zzter2@host/", "http://me:hunter2@host:port/"} {
		_, err := b.Add(t.Context(), "/f", []string{source}, AddOptions{
			Extract: true, Fetch: Fetch{Retries: 1, Delay: time.Millisecond}, Checksum: digest.FromString("x").String(),
		})
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: got the error %v", source, err)
		}
	}
	// The password must not be in the message about what came instead of the content either.
	wrong, _ := serve(t, body("y"))
	_, err := b.Add(t.Context(), "/f", []string{strings.Replace(wrong, "http://", "http://me:hunter2@", 1)}, AddOptions{
		Extract: true, Checksum: digest.FromString("x").String(),
	})
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong checksum: got the error %v", err)
	}
	if strings.Contains(v.warned(), "hunter2") || !authorized.Load() {
		t.Errorf("sent to the server: %v; warnings: %s", authorized.Load(), v.warned())
	}
}

func TestDownloadTLS(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	b := v.from(Scratch)
	s := httptest.NewUnstartedServer(body("tls"))
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	o := AddOptions{Extract: true}
	if _, err := b.Add(t.Context(), "/f", []string{s.URL + "/f"}, o); err == nil {
		t.Error("a certificate that nobody trusts was accepted")
	}
	o.Fetch.Registry.TLSVerify = transfer.Off
	if _, err := b.Add(t.Context(), "/f", []string{s.URL + "/f"}, o); err != nil || v.read(b, "f") != "tls" {
		t.Errorf("without verification: %v", err)
	}
}
