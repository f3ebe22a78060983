package testenv

import (
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
)

// Fault breaks requests on purpose. One of Status, Drop, Truncate and Hold is set, or
// the last two; a Proxy has others, see Lie.
type Fault struct {
	Method     string // "" matches every method
	Path       string // matches paths that contain this
	Times      int    // how often; 0 means always
	Status     int    // answer with this status
	Code       string // the error in the body of that answer, as the distribution specification has it
	RetryAfter string // the header of that answer, "" for none
	Drop       bool   // close the connection without an answer
	Truncate   int    // close the connection after this many bytes of the body
	Hold       bool   // say nothing (more) and keep the connection open until the client gives up
	Lie        *Lie   // change the answer; for a Proxy

	used int
}

// faultPlan is what is to go wrong.
type faultPlan struct {
	mu     sync.Mutex
	faults []*Fault
}

// Break adds a fault. The first fault that matches a request is applied.
func (p *faultPlan) Break(f Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = append(p.faults, &f)
}

// Mend removes all faults.
func (p *faultPlan) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults = nil
}

// take gives the fault for a request, nil for none.
func (p *faultPlan) take(q *http.Request) *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
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
		if f.RetryAfter != "" {
			w.Header().Set("Retry-After", f.RetryAfter)
		}
		if f.Code != "" {
			refuse(w, f.Status, f.Code, "as planned")
			return true
		}
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
