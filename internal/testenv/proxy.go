package testenv

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// Lie changes the answer of the server behind a Proxy.
type Lie struct {
	Body     []byte            // these bytes instead, under the same headers
	Cut      int               // only so many bytes, as if there were no more
	Header   map[string]string // these headers instead
	Redirect string            // go to this address, with the path
}

// Proxy is a way to a registry on which things go wrong. Without faults it passes on
// what it gets.
type Proxy struct {
	Host string // host:port

	faultPlan
	backend *httputil.ReverseProxy
	mu      sync.Mutex // of requests
	seen    []*http.Request
}

type lieKey struct{}

// NewProxy starts a proxy that speaks plain HTTP, for a server at an address that
// does, too, or whose certificate the transport knows; it stops with the test.
func NewProxy(t testing.TB, server string, transport http.RoundTripper) *Proxy {
	t.Helper()
	target, err := url.Parse(server)
	if err != nil {
		t.Fatalf("parsing the address of a server: %v", err)
	}
	p := &Proxy{backend: &httputil.ReverseProxy{
		// The host stays that of the proxy, so that the server sends clients back here.
		Rewrite:        func(r *httputil.ProxyRequest) { r.SetURL(target); r.Out.Host = r.In.Host },
		ModifyResponse: change,
		Transport:      transport,
		ErrorLog:       quietLog(),
	}}
	front := httptest.NewUnstartedServer(p)
	front.Config.ErrorLog = quietLog()
	front.Start()
	t.Cleanup(func() {
		front.CloseClientConnections()
		front.Close()
	})
	p.Host = strings.TrimPrefix(front.URL, "http://")
	return p
}

// Count tells how many requests of this method had a path that contains part.
func (p *Proxy) Count(method, part string) int {
	return len(p.Requests(method, part))
}

// Requests are those of a method, whose path contains part.
func (p *Proxy) Requests(method, part string) (found []*http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.seen {
		if q.Method == method && strings.Contains(q.URL.Path, part) {
			found = append(found, q)
		}
	}
	return found
}

// ServeHTTP passes one request on, or breaks it as the tests have asked.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	p.mu.Lock()
	p.seen = append(p.seen, q)
	p.mu.Unlock()
	if f := p.take(q); f != nil {
		w = f.wrap(w, q)
		if f.answer(w, q) {
			return
		}
		if f.Lie != nil && f.Lie.Redirect != "" {
			http.Redirect(w, q, f.Lie.Redirect+q.URL.RequestURI(), http.StatusTemporaryRedirect)
			return
		}
		q = q.WithContext(context.WithValue(q.Context(), lieKey{}, f.Lie))
	}
	p.backend.ServeHTTP(w, q)
}

// change applies the lie to what the server answered.
func change(r *http.Response) error {
	lie, _ := r.Request.Context().Value(lieKey{}).(*Lie)
	if lie == nil {
		return nil
	}
	for name, value := range lie.Header {
		r.Header.Set(name, value)
	}
	if lie.Body == nil && lie.Cut == 0 {
		return nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading the answer: %w", err)
	}
	if lie.Body != nil {
		body = lie.Body
	}
	if lie.Cut > 0 && len(body) > lie.Cut {
		body = body[:lie.Cut]
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", strconv.Itoa(len(body)))
	return nil
}
