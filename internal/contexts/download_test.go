package contexts

import (
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
)

func TestIdentity(t *testing.T) {
	t.Parallel()
	const day = "Sat, 01 Jan 2022 "
	header := func(kv ...string) http.Header {
		h := http.Header{}
		for i := 0; i < len(kv); i += 2 {
			h.Set(kv[i], kv[i+1])
		}
		return h
	}
	for name, c := range map[string]struct {
		header http.Header
		length int64
		want   string
	}{
		"nothing":           {header(), 5, ""},
		"ETag":              {header("ETag", `"a"`), -1, `{"etag":"\"a\""}`},
		"weak ETag":         {header("ETag", `W/"a"`), 5, ""},
		"ETag and time":     {header("ETag", `"a"`, "Last-Modified", day+"00:00:00 GMT"), 5, `{"etag":"\"a\"","modified":"` + day + `00:00:00 GMT"}`},
		"time":              {header("Last-Modified", day+"00:00:00 GMT", "Date", day+"00:01:00 GMT"), 5, `{"modified":"` + day + `00:00:00 GMT","length":5}`},
		"weak ETag, time":   {header("ETag", `W/"a"`, "Last-Modified", day+"00:00:00 GMT", "Date", day+"00:01:00 GMT"), 5, `{"modified":"` + day + `00:00:00 GMT","length":5}`},
		"this very second":  {header("Last-Modified", day+"00:00:00 GMT", "Date", day+"00:00:01 GMT"), 5, ""},
		"the future":        {header("Last-Modified", day+"00:05:00 GMT", "Date", day+"00:00:01 GMT"), 5, ""},
		"no date":           {header("Last-Modified", day+"00:00:00 GMT"), 5, ""},
		"no length":         {header("Last-Modified", day+"00:00:00 GMT", "Date", day+"00:01:00 GMT"), -1, ""},
		"time that is none": {header("Last-Modified", "then", "Date", day+"00:01:00 GMT"), 5, ""},
	} {
		if got := Identity(&http.Response{Header: c.header, ContentLength: c.length}); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func TestDownload(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/f" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("ETag", `"1"`)
		if r.Method == http.MethodGet {
			_, _ = w.Write([]byte("content"))
		}
	}))
	defer server.Close()
	dir := t.TempDir()
	var h HTTP
	if got := h.Identify(t.Context(), server.URL+"/f"); got != `{"etag":"\"1\""}` {
		t.Errorf("it says %q", got)
	}
	if got := h.Identify(t.Context(), server.URL+"/lost"); got != "" {
		t.Errorf("a page that is not there says %q", got)
	}
	d, err := h.Download(t.Context(), server.URL+"/f", dir)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(d.Path)
	if err != nil || string(text) != "content" || d.Identity == "" || d.Digest != "ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73" {
		t.Errorf("%+v with %q: %v", d, text, err)
	}
	if err := os.Remove(d.Path); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Download(t.Context(), strings.Replace(server.URL, "http://", "http://me:secret@", 1)+"/lost", dir); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("a download that failed says %v", err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestPickRef(t *testing.T) {
	t.Parallel()
	id := func(c string) string { return strings.Repeat(c, 40) }
	lines := id("a") + "\tHEAD\n" + id("b") + "\trefs/heads/v1\n" + id("c") + "\trefs/tags/v1\n" + id("d") + "\trefs/tags/v1^{}\n" +
		id("e") + "\trefs/heads/x/v2\n" + id("f") + "\trefs/heads/main\nwarning\tHEAD2\n"
	for want, wanted := range map[string]string{
		"HEAD": id("a"), "v1": id("c"), "refs/heads/v1": id("b"), "heads/v1": id("b"), "v2": "", "x/v2": id("e"), "main": id("f"), "HEAD2": "", "": "",
	} {
		if got := pickRef(lines, want); got != wanted {
			t.Errorf("%q is %q, want %q", want, got, wanted)
		}
	}
}
