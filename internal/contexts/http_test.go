package contexts

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

func TestWait(t *testing.T) {
	t.Parallel()
	for try, want := range map[int]time.Duration{0: time.Second, 1: 2 * time.Second, 3: 8 * time.Second, 30: 256 * time.Second} {
		if got := (HTTP{}).wait(try); got < want || got > want*11/10 {
			t.Errorf("wait(%d) = %v, want %v and up to a tenth", try, got, want)
		}
	}
	if got := (HTTP{Delay: time.Millisecond}).wait(5); got != time.Millisecond {
		t.Errorf("a fixed delay gives %v", got)
	}
}

// serveDir serves a directory and gives its address.
func serveDir(t *testing.T, dir string) string {
	t.Helper()
	server := httptest.NewServer(http.FileServer(http.Dir(dir)))
	t.Cleanup(server.Close)
	return server.URL
}
