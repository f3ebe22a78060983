package testenv

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/opencontainers/go-digest"
)

func (r *Registry) serveBlob(w http.ResponseWriter, q *http.Request, repo, name string) {
	r.mu.Lock()
	data, ok := []byte(nil), false
	if known := r.repos[repo]; known != nil {
		data, ok = known.blobs[digest.Digest(name)]
	}
	r.mu.Unlock()
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UNKNOWN", "blob unknown to registry")
		return
	}
	w.Header().Set("Docker-Content-Digest", name)
	serveBytes(w, q, "application/octet-stream", data)
}

func (r *Registry) serveManifest(w http.ResponseWriter, q *http.Request, repo, name string) {
	if q.Method == http.MethodPut {
		r.receiveManifest(w, q, repo, name)
		return
	}
	r.mu.Lock()
	m, d, ok := r.findManifest(repo, name)
	known := r.repos[repo] != nil
	r.mu.Unlock()
	switch {
	case !known:
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry")
	case !ok:
		refuse(w, http.StatusNotFound, "MANIFEST_UNKNOWN", "manifest unknown")
	default:
		w.Header().Set("Docker-Content-Digest", d.String())
		serveBytes(w, q, m.mediaType, m.body)
	}
}

func serveBytes(w http.ResponseWriter, q *http.Request, mediaType string, data []byte) {
	w.Header().Set("Content-Type", mediaType)
	http.ServeContent(w, q, "", time.Time{}, bytes.NewReader(data)) // also ranges
}

func (r *Registry) receiveManifest(w http.ResponseWriter, q *http.Request, repo, name string) {
	body, err := io.ReadAll(io.LimitReader(q.Body, 4<<20))
	if err != nil {
		refuse(w, http.StatusBadRequest, "MANIFEST_INVALID", err.Error())
		return
	}
	tag := name
	if _, err := digest.Parse(name); err == nil {
		tag = ""
	}
	d := r.PutManifest(repo, tag, q.Header.Get("Content-Type"), body)
	w.Header().Set("Docker-Content-Digest", d.String())
	w.Header().Set("Location", "/v2/"+repo+"/manifests/"+d.String())
	w.WriteHeader(http.StatusCreated)
}

// serveUpload does the chunked and the monolithic upload, and the mount from another repository.
func (r *Registry) serveUpload(w http.ResponseWriter, q *http.Request, repo, id string) {
	switch q.Method {
	case http.MethodPost:
		r.startUpload(w, q, repo)
	case http.MethodPatch, http.MethodPut:
		r.receiveChunk(w, q, repo, id)
	case http.MethodDelete:
		r.mu.Lock()
		delete(r.uploads, id)
		r.mu.Unlock()
		w.WriteHeader(http.StatusNoContent)
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
	}
}

func (r *Registry) startUpload(w http.ResponseWriter, q *http.Request, repo string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	mount, from := digest.Digest(q.URL.Query().Get("mount")), q.URL.Query().Get("from")
	if source := r.repos[from]; mount != "" && source != nil && source.blobs[mount] != nil {
		r.repo(repo).blobs[mount] = source.blobs[mount]
		w.Header().Set("Location", "/v2/"+repo+"/blobs/"+mount.String())
		w.WriteHeader(http.StatusCreated)
		return
	}
	r.nextID++
	id := strconv.Itoa(r.nextID)
	r.uploads[id] = []byte{}
	w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
	w.Header().Set("Range", "0-0")
	w.WriteHeader(http.StatusAccepted)
}

func (r *Registry) receiveChunk(w http.ResponseWriter, q *http.Request, repo, id string) {
	chunk, err := io.ReadAll(q.Body)
	if err != nil {
		refuse(w, http.StatusBadRequest, "BLOB_UPLOAD_INVALID", err.Error())
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	sofar, ok := r.uploads[id]
	if !ok {
		refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown to registry")
		return
	}
	data := append(sofar, chunk...)
	if q.Method == http.MethodPatch {
		r.uploads[id] = data
		w.Header().Set("Location", "/v2/"+repo+"/blobs/uploads/"+id)
		w.Header().Set("Range", fmt.Sprintf("0-%d", max(len(data)-1, 0)))
		w.WriteHeader(http.StatusAccepted)
		return
	}
	delete(r.uploads, id)
	want := digest.Digest(q.URL.Query().Get("digest"))
	if want != digest.FromBytes(data) {
		refuse(w, http.StatusBadRequest, "DIGEST_INVALID", "provided digest did not match uploaded content")
		return
	}
	r.repo(repo).blobs[want] = data
	w.Header().Set("Docker-Content-Digest", want.String())
	w.Header().Set("Location", "/v2/"+repo+"/blobs/"+want.String())
	w.WriteHeader(http.StatusCreated)
}
