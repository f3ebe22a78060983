package testenv

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/opencontainers/go-digest"
	"go.podman.io/image/v5/manifest"
)

// Registry is a small OCI distribution server in this process. Everything is
// kept in memory and is gone with the test.
type Registry struct {
	Host string // host:port, as it stands in an image name
	URL  string

	faultPlan

	server   *httptest.Server
	mu       sync.Mutex // of what follows
	repos    map[string]*repository
	uploads  map[string][]byte
	nextID   int
	requests []Request
	begun    []Request // as they come; the status is not known yet
	user     string
	password string
}

type repository struct {
	blobs     map[digest.Digest][]byte
	manifests map[digest.Digest]storedManifest
	tags      map[string]digest.Digest
}

type storedManifest struct {
	mediaType string
	body      []byte
}

// Request is one request that the registry has seen.
type Request struct {
	Method, Path, UserAgent string
	Status                  int
}

// NewRegistry starts a registry that speaks plain HTTP; it stops with the test.
func NewRegistry(t testing.TB) *Registry {
	t.Helper()
	return startRegistry(t, (*httptest.Server).Start)
}

// NewTLSRegistry starts a registry whose certificate nobody trusts.
func NewTLSRegistry(t testing.TB) *Registry {
	t.Helper()
	return startRegistry(t, (*httptest.Server).StartTLS)
}

func startRegistry(t testing.TB, start func(*httptest.Server)) *Registry {
	r := &Registry{repos: map[string]*repository{}, uploads: map[string][]byte{}}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = quietLog()
	start(r.server)
	t.Cleanup(func() {
		r.server.CloseClientConnections()
		r.server.Close()
	})
	u, err := url.Parse(r.server.URL)
	if err != nil {
		t.Fatalf("parsing the registry's address: %v", err)
	}
	r.Host, r.URL = u.Host, r.server.URL
	return r
}

// RequireLogin makes the registry ask for this user and password.
func (r *Registry) RequireLogin(user, password string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.user, r.password = user, password
}

// Requests returns what was asked so far, in order.
func (r *Registry) Requests() []Request {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.requests)
}

// Count tells how many requests of this method had a path that contains part.
func (r *Registry) Count(method, part string) int {
	n := 0
	for _, q := range r.Requests() {
		if q.Method == method && strings.Contains(q.Path, part) {
			n++
		}
	}
	return n
}

// Begun is Count for requests that may still be in work.
func (r *Registry) Begun(method, part string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := 0
	for _, q := range r.begun {
		if q.Method == method && strings.Contains(q.Path, part) {
			n++
		}
	}
	return n
}

// ResetRequests forgets the requests seen so far.
func (r *Registry) ResetRequests() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests, r.begun = nil, nil
}

// PutBlob stores a blob as if it had been uploaded.
func (r *Registry) PutBlob(repo string, data []byte) digest.Digest {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := digest.FromBytes(data)
	r.repo(repo).blobs[d] = data
	return d
}

// PutManifest stores a manifest under a tag ("" for none).
func (r *Registry) PutManifest(repo, tag, mediaType string, body []byte) digest.Digest {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.putManifest(repo, tag, mediaType, body)
}

// Manifest returns the manifest that a tag or digest names.
func (r *Registry) Manifest(repo, tagOrDigest string) (body []byte, mediaType string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, _, ok := r.findManifest(repo, tagOrDigest)
	return m.body, m.mediaType, ok
}

// Blob returns a blob of a repository, nil if it is not there.
func (r *Registry) Blob(repo string, d digest.Digest) []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.repo(repo).blobs[d]
}

// DropBlob removes a blob of a repository, as a registry that tidies up does.
func (r *Registry) DropBlob(repo string, d digest.Digest) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.repo(repo).blobs, d)
}

func (r *Registry) repo(name string) *repository {
	if r.repos[name] == nil {
		r.repos[name] = &repository{
			blobs:     map[digest.Digest][]byte{},
			manifests: map[digest.Digest]storedManifest{},
			tags:      map[string]digest.Digest{},
		}
	}
	return r.repos[name]
}

func (r *Registry) putManifest(repo, tag, mediaType string, body []byte) digest.Digest {
	if mediaType == "" {
		mediaType = manifest.GuessMIMEType(body)
	}
	d := digest.FromBytes(body)
	r.repo(repo).manifests[d] = storedManifest{mediaType, body}
	if tag != "" {
		r.repo(repo).tags[tag] = d
	}
	return d
}

func (r *Registry) findManifest(repo, name string) (storedManifest, digest.Digest, bool) {
	known := r.repos[repo]
	if known == nil {
		return storedManifest{}, "", false
	}
	d, tagged := known.tags[name]
	if !tagged {
		d = digest.Digest(name)
	}
	m, ok := known.manifests[d]
	return m, d, ok
}

// ServeHTTP answers one request, or breaks it as the tests have asked.
func (r *Registry) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	rec := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
	r.mu.Lock()
	r.begun = append(r.begun, Request{Method: q.Method, Path: q.URL.Path, UserAgent: q.UserAgent()})
	r.mu.Unlock()
	defer func() { r.note(q, rec.status) }() // also when a fault has cut the connection
	w = rec
	if f := r.take(q); f != nil {
		w = f.wrap(w, q)
		if f.answer(w, q) {
			return
		}
	}
	r.route(w, q)
}

func (r *Registry) note(q *http.Request, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.requests = append(r.requests, Request{Method: q.Method, Path: q.URL.Path, UserAgent: q.UserAgent(), Status: status})
}

func (r *Registry) route(w http.ResponseWriter, q *http.Request) {
	if !r.loggedIn(q) {
		w.Header().Set("WWW-Authenticate", `Basic realm="testenv"`)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
		return
	}
	rest, ok := strings.CutPrefix(q.URL.Path, "/v2/")
	if !ok {
		http.NotFound(w, q)
		return
	}
	if rest == "" {
		writeJSON(w, struct{}{})
		return
	}
	for _, kind := range []struct {
		mark  string
		serve func(http.ResponseWriter, *http.Request, string, string)
	}{
		{"/blobs/uploads/", r.serveUpload},
		{"/blobs/", r.serveBlob},
		{"/manifests/", r.serveManifest},
		{"/tags/", r.serveTags},
	} {
		if repo, name, found := strings.Cut(rest, kind.mark); found {
			kind.serve(w, q, repo, name)
			return
		}
	}
	http.NotFound(w, q)
}

func (r *Registry) loggedIn(q *http.Request) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, password, _ := q.BasicAuth()
	return r.user == "" || user == r.user && password == r.password
}

func (r *Registry) serveTags(w http.ResponseWriter, _ *http.Request, repo, _ string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.repos[repo] == nil {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
		return
	}
	tags := []string{}
	for tag := range r.repos[repo].tags {
		tags = append(tags, tag)
	}
	slices.Sort(tags)
	writeJSON(w, map[string]any{"name": repo, "tags": tags})
}

func writeJSON(w http.ResponseWriter, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

// refuse answers with an error as the distribution specification writes it.
func refuse(w http.ResponseWriter, status int, code, message string) {
	body, _ := json.Marshal(map[string]any{"errors": []map[string]string{{"code": code, "message": message}}})
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
