package testenv

import (
	"io"
	"log"
	"net/http"
	"strings"
)

// Fault breaks requests on purpose. Exactly one of Status, Drop,
// Truncate and Hold is set, or the last two.
type Fault struct {
	Method   string // "" matches every method
	Path     string // matches paths that contain this
	Times    int    // how often; 0 means always
	Status   int    // answer with this status
	Drop     bool   // close the connection without an answer
	Truncate int    // close the connection after this many bytes of the body
	Hold     bool   // say nothing (more) and keep the connection open until the client gives up

	used int
}

// Break adds a fault. The first fault that matches a request is applied.
func (r *Registry) Break(f Fault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = append(r.faults, &f)
}

// Mend removes all faults.
func (r *Registry) Mend() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.faults = nil
}

func (r *Registry) takeFault(q *http.Request) *Fault {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, f := range r.faults {
		spent := f.Times > 0 && f.used >= f.Times
		if !spent && (f.Method == "" || f.Method == q.Method) && strings.Contains(q.URL.Path, f.Path) {
			f.used++
			return f
		}
	}
	return nil
}

// answer is true when the fault has dealt with the request itself.
func (f *Fault) answer(w http.ResponseWriter, q *http.Request) bool {
	if f.Hold && f.Truncate == 0 {
		_, _ = io.Copy(io.Discard, q.Body) // else nobody sees that the client is gone
		<-q.Context().Done()
		panic(http.ErrAbortHandler)
	}
	if f.Drop {
		panic(http.ErrAbortHandler) // the server closes the connection
	}
	if f.Status != 0 {
		w.WriteHeader(f.Status)
		return true
	}
	return false
}

func (f *Fault) wrap(w http.ResponseWriter, q *http.Request) http.ResponseWriter {
	if f.Truncate == 0 {
		return w
	}
	if f.Hold {
		return &truncatingWriter{ResponseWriter: w, left: f.Truncate, hold: q.Context().Done()}
	}
	return &truncatingWriter{ResponseWriter: w, left: f.Truncate}
}

// truncatingWriter sends the headers as they are and then too few bytes.
type truncatingWriter struct {
	http.ResponseWriter
	left int
	hold <-chan struct{} // nil, or closed when the client is gone
}

func (w *truncatingWriter) Write(p []byte) (int, error) {
	if len(p) <= w.left {
		w.left -= len(p)
		return w.ResponseWriter.Write(p)
	}
	_, _ = w.ResponseWriter.Write(p[:w.left])
	_ = http.NewResponseController(w.ResponseWriter).Flush()
	if w.hold != nil {
		<-w.hold
	}
	panic(http.ErrAbortHandler)
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

// Unwrap lets net/http reach the writer below, to flush it.
func (w *statusRecorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *statusRecorder) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// quietLog hides what net/http says about connections that tests have cut.
func quietLog() *log.Logger { return log.New(io.Discard, "", 0) }
