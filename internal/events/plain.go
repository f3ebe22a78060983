package events

import (
	"fmt"
	"io"
	"strings"
)

// Plain writes lines as scripts expect them. What stages tell that are at work at
// the same time is not mixed: the first group in the order of declaration that is
// not over is shown at once, and what later ones tell is held back until it is their
// turn. After a group that failed, later ones are not shown at all, as if they had
// never been begun.
type Plain struct {
	Steps    io.Writer         // what the build itself says; nil drops it, and what lint rules find
	Out, Err io.Writer         // of commands; nil drops it
	Transfer io.Writer         // about images on their way; nil drops it
	Log      io.Writer         // lines of libraries, never held back; nil drops them
	Warn     func(text string) // nil drops warnings
	HideIDs  bool              // no "--> ID" lines
	Explain  bool              // lines about the cache: what it did for a step, and why
	TempDir  string            // of what is held back and does not fit in memory

	tree tree
}

// Render shows an event, or holds it back.
func (p *Plain) Render(e Event) error {
	switch e.Kind {
	case GroupDeclared:
		p.begin()
		p.tree.declare(e.Group)
		return nil
	case GroupEnded:
		return p.tree.end(e.Group, e.Status == Failing)
	case Log:
		return write(p.Log, e.Data)
	}
	p.begin()
	to, data := p.text(e)
	if len(data) == 0 {
		return nil
	}
	return p.tree.put(e.Group, to, data)
}

// begin makes the zero value ready.
func (p *Plain) begin() {
	if p.tree.show == nil {
		p.tree.show, p.tree.room.tempDir = p.show, p.TempDir
	}
}

// Close shows what is still held back.
func (p *Plain) Close() error { return p.tree.close() }

// sink is where text goes.
type sink byte

const (
	sinkSteps sink = iota
	sinkOut
	sinkErr
	sinkTransfer
	sinkWarn
)

// shortID is how many digits of an ID are shown.
const shortID = 12

// text is how an event looks, and where it goes.
func (p *Plain) text(e Event) (sink, []byte) {
	switch e.Kind {
	case Output:
		if e.FD == 1 {
			return sinkOut, e.Data
		}
		return sinkErr, e.Data
	case Transfer:
		return sinkTransfer, e.Data
	case Warned:
		if e.Warning.Rule != "" && p.Steps == nil {
			return sinkWarn, nil
		}
		return sinkWarn, []byte(e.Warning.Text)
	case Image:
		if p.HideIDs {
			return sinkSteps, nil
		}
	case CacheHit, CacheMiss, NotCacheable:
		if p.Explain {
			return sinkSteps, []byte(explained(e) + line(e))
		}
	}
	return sinkSteps, []byte(line(e))
}

// line is what the build says, "" for what lines have never told of.
func line(e Event) string {
	switch e.Kind {
	case StepStarted:
		return stepLine(e.Group, e.Step)
	case CacheHit:
		return "--> Using cache " + e.ID + "\n"
	case CachePulled:
		return "--> Cache pulled from remote " + e.Names[0] + ":" + e.ID + "\n"
	case CachePushed:
		return fmt.Sprintf("--> Pushing cache %v:%s\n", e.Names, e.ID)
	case Image:
		return "--> " + e.ID[:min(shortID, len(e.ID))] + "\n"
	case Commit:
		return strings.TrimSpace(prefix(e.Group)+"COMMIT "+strings.Join(e.Names, " ")) + "\n"
	case Tagged:
		return "Successfully tagged " + strings.Join(e.Names, " ") + "\n"
	case UnusedArgs:
		return "[Warning] one or more build args were not consumed: [" + strings.Join(e.Names, " ") + "]\n"
	case Usage:
		return e.Text + "\n"
	}
	return ""
}

// explained says what the cache did for a step. Further lines of the text are about files.
func explained(e Event) string {
	what := map[Kind]string{CacheHit: "hit", CacheMiss: "miss", NotCacheable: "not cacheable"}[e.Kind]
	if e.Text != "" {
		what += ": " + strings.ReplaceAll(e.Text, "\n", "\n==>   ")
	}
	return "==> cache: " + what + "\n"
}

// stepLine shows a step. One that nobody counted on has no total.
func stepLine(g *Group, s *Step) string {
	if s.Number > g.Steps {
		return fmt.Sprintf("%sSTEP %d: %s\n", prefix(g), s.Number, s.Text)
	}
	return fmt.Sprintf("%sSTEP %d/%d: %s\n", prefix(g), s.Number, g.Steps, s.Text)
}

// prefix says which platform and which stage a line is about, where there are several.
func prefix(g *Group) string {
	text := ""
	if g.Platform != "" {
		text = "[" + g.Platform + "] "
	}
	if g.At.Count > 1 {
		text += fmt.Sprintf("[%d/%d] ", g.At.Index+1, g.At.Count)
	}
	return text
}

// show writes a text whose turn it is.
func (p *Plain) show(to sink, data []byte) error {
	switch to {
	case sinkSteps:
		_ = write(p.Steps, data) // that nobody reads these has never stopped a build
		return nil
	case sinkOut:
		return write(p.Out, data)
	case sinkErr:
		return write(p.Err, data)
	case sinkTransfer:
		return write(p.Transfer, data)
	}
	if p.Warn != nil {
		p.Warn(string(data))
	}
	return nil
}

// write writes; a nil writer takes everything.
func write(w io.Writer, data []byte) error {
	if w == nil {
		return nil
	}
	_, err := w.Write(data)
	return err
}
