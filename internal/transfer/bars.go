package transfer

import (
	"io"
	"os"
	"strings"
	"sync"

	"github.com/opencontainers/go-digest"
	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/term"
)

// bars show the progress of layers on a terminal. nil, as elsewhere, shows none.
type bars struct {
	pool *mpb.Progress
	mu   sync.Mutex
	all  []*bar
}

type bar struct{ b *mpb.Bar }

func newBars(w io.Writer) *bars {
	f, ok := w.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return nil
	}
	return &bars{pool: mpb.New(mpb.WithOutput(f), mpb.WithWidth(40))}
}

// add shows a bar for so many bytes.
func (s *bars) add(d digest.Digest, size int64) *bar {
	if s == nil {
		return nil
	}
	b := &bar{s.pool.AddBar(size, mpb.PrependDecorators(decor.Name("Copying blob "+d.Encoded()[:12]+" ")),
		mpb.AppendDecorators(decor.OnComplete(decor.CountersKibiByte("%.1f / %.1f"), "done")))}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, b)
	return b
}

// wait ends the showing. Bars that are not full stay as they are.
func (s *bars) wait() {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, b := range s.all {
		b.b.Abort(false) // of no effect on full ones
	}
	s.pool.Wait()
}

func (b *bar) note(n int) {
	if b != nil {
		b.b.IncrBy(n)
	}
}

func (b *bar) done() {
	if b != nil {
		b.b.SetTotal(-1, true) // for layers whose size was not known
	}
}

// leaveOut passes on lines of progress, without those about blobs that were sent
// before.
type leaveOut struct {
	w   io.Writer
	src *streamSource

	mu   sync.Mutex
	rest string // of a line that has not ended
}

func (l *leaveOut) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest += string(p)
	for {
		line, rest, ok := strings.Cut(l.rest, "\n")
		if !ok {
			return len(p), nil
		}
		l.rest = rest
		words := strings.Fields(line)
		if len(words) > 2 && words[1] == "blob" && l.src.wasSent(digest.Digest(words[2])) {
			continue
		}
		if _, err := io.WriteString(l.w, line+"\n"); err != nil {
			return 0, err
		}
	}
}
