package events

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
)

// TTY draws what is under way at the bottom of a terminal: the running steps with
// the end of their output. A step that is done becomes one line above, one that
// failed is followed by all its output.
type TTY struct {
	Out     io.Writer
	Size    func() (columns, rows int) // of the terminal now; 0 when unknown
	Now     func() time.Time
	Every   time.Duration // how often it is drawn; 0 leaves it to [TTY.Draw]
	Color   bool
	Explain bool   // lines about what the cache did for a step, and why
	TempDir string // of output that does not fit in memory

	mu       sync.Mutex
	screen   screen
	room     room
	begun    time.Time
	running  []*runningStep // in the order in which they began
	steps    map[*Group]int // how many those stages have that were begun
	done     int
	cached   int
	builds   int      // that were begun and are not done
	above    []string // lines that go above the picture for good
	aside    int      // callers that use the terminal themselves
	transfer string   // the latest line about an image that no step asked for
	stop     chan struct{}
	stopped  sync.WaitGroup
}

// runningStep is a step that is under way.
type runningStep struct {
	step   *Step
	label  string // as the plain lines have it
	begun  time.Time
	output folded
	all    *held
	cached bool
	notes  []string // shown below it when it is over
}

// Render takes an event; the picture follows soon.
func (t *TTY) Render(e Event) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.begin(e)
	switch e.Kind {
	case GroupStarted, StepsAdded, GroupEnded:
		t.count(e)
	case StepStarted:
		t.running = append(t.running, &runningStep{
			step: e.Step, label: clean(strings.TrimSuffix(stepLine(e.Group, e.Step), "\n")), begun: e.Step.Begun, all: &held{room: &t.room},
		})
	case StepEnded:
		return t.endStep(e)
	case Output:
		return t.write(e)
	case Transfer:
		if t.find(e.Step) != nil {
			return t.write(e)
		}
		t.transfer = lastLine(e.Data)
	case CacheHit, CacheMiss, NotCacheable:
		t.note(e)
	case Log:
		for line := range strings.Lines(string(e.Data)) {
			t.above = append(t.above, clean(strings.TrimRight(line, "\r\n")))
		}
	default:
		if line := lasting(e); line != "" {
			t.above = append(t.above, line)
		}
	}
	return nil
}

// begin starts to draw, with the first event.
func (t *TTY) begin(e Event) {
	if !t.begun.IsZero() {
		return
	}
	t.begun, t.steps = e.Time, map[*Group]int{}
	t.screen.out, t.room.tempDir = t.Out, t.TempDir
	if t.Every == 0 {
		return
	}
	t.stop = make(chan struct{})
	t.stopped.Go(func() {
		ticker := time.NewTicker(t.Every)
		defer ticker.Stop()
		for {
			select {
			case <-t.stop:
				return
			case <-ticker.C:
				t.Draw()
			}
		}
	})
}

// count keeps how much there is to do.
func (t *TTY) count(e Event) {
	switch {
	case e.Group.At.Count > 0 && e.Kind != GroupEnded:
		t.steps[e.Group] = e.Steps
	case e.Group.At.Count > 0:
	case e.Kind == GroupStarted:
		t.builds++
	case e.Kind == GroupEnded && e.Status == Done && !e.Group.begun.IsZero():
		t.builds--
	}
}

// lasting is a line that stays, "" for an event that is not worth one.
func lasting(e Event) string {
	switch e.Kind {
	case Tagged:
		return row(wordTagged, "", strings.Join(e.Names, " "))
	case Warned:
		return row(wordWarning, "", clean(e.Warning.Text))
	case UnusedArgs:
		return row(wordWarning, "", "one or more build args were not consumed: "+strings.Join(e.Names, " "))
	case Usage:
		return outputMark + e.Text
	}
	return ""
}

// note keeps what the cache did for a step.
func (t *TTY) note(e Event) {
	s := t.find(e.Step)
	if s == nil {
		return
	}
	s.cached = e.Kind == CacheHit
	if t.Explain {
		for line := range strings.Lines(explained(e)) {
			s.notes = append(s.notes, clean(strings.TrimSuffix(line, "\n")))
		}
	}
}

// find gives a step that is under way, nil if it is not.
func (t *TTY) find(step *Step) *runningStep {
	for _, s := range t.running {
		if s.step == step {
			return s
		}
	}
	return nil
}

// write takes output of a step. What comes when it is over is shown as it is.
func (t *TTY) write(e Event) error {
	s := t.find(e.Step)
	if s == nil {
		for line := range strings.Lines(string(e.Data)) {
			t.above = append(t.above, outputMark+clean(strings.TrimRight(line, "\r\n")))
		}
		return nil
	}
	s.output.write(e.Data)
	return s.all.add(sinkOut, e.Data)
}

// endStep turns a step into a line, and shows all its output if it failed.
func (t *TTY) endStep(e Event) error {
	s := t.find(e.Step)
	if s == nil {
		return nil
	}
	for i := range t.running {
		if t.running[i] == s {
			t.running = append(t.running[:i:i], t.running[i+1:]...)
			break
		}
	}
	word := wordDone
	switch {
	case e.Status == Failing:
		word = wordFailed
	case e.Status == Stopped:
		word = wordStopped
	case s.cached:
		word = wordCached
		t.cached++
	}
	if e.Status == Done {
		t.done++
	}
	columns, _ := t.size()
	line := row(word, elapsed(time.Duration(e.Seconds*float64(time.Second))), s.label)
	t.above = append(t.above, fit(line, columns))
	for _, text := range s.notes {
		t.above = append(t.above, outputMark+text)
	}
	if e.Status != Failing {
		return s.all.close()
	}
	t.draw(nil)
	w := &marker{to: t}
	err := s.all.release(func(_ sink, data []byte) error { w.write(data); return nil })
	if len(w.open) > 0 {
		w.write([]byte("\n"))
	}
	return err
}

// marker shows output for good, line by line, without keeping much of it.
type marker struct {
	to   *TTY
	open []byte
}

// markerBytes is how long a line may become before it is shown in parts.
const markerBytes = 64 << 10

func (m *marker) write(data []byte) {
	m.open = append(m.open, data...)
	for {
		end := bytes.IndexByte(m.open, '\n')
		if end < 0 && len(m.open) > markerBytes {
			end = len(m.open)
		}
		if end < 0 {
			break
		}
		m.to.above = append(m.to.above, outputMark+clean(string(m.open[:end])))
		m.open = m.open[min(end+1, len(m.open)):]
		if len(m.to.above) > markerLines {
			m.to.draw(nil)
		}
	}
}

// markerLines is how many lines are shown at once.
const markerLines = 1000

// size is that of the terminal, or what terminals have always had.
func (t *TTY) size() (columns, rows int) {
	columns, rows = t.Size()
	return cmp.Or(columns, 80), cmp.Or(rows, 24)
}

// Draw brings the picture up to date.
func (t *TTY) Draw() {
	t.mu.Lock()
	defer t.mu.Unlock()
	columns, rows := t.size()
	t.draw(t.picture(columns, rows, t.Now()))
}

func (t *TTY) draw(picture []string) {
	if t.aside > 0 {
		return
	}
	columns, _ := t.size()
	t.screen.draw(t.above, picture, columns, t.paint)
	t.above = nil
}

// Aside takes the picture away while the caller uses the terminal. What happens
// meanwhile is shown afterwards.
func (t *TTY) Aside(do func()) {
	t.mu.Lock()
	if !t.begun.IsZero() {
		t.draw(nil)
	}
	t.aside++
	t.mu.Unlock()
	defer func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.aside--
	}()
	do()
}

// Close takes the picture away and says in a line what was done.
func (t *TTY) Close() error {
	if t.stop != nil {
		close(t.stop)
		t.stopped.Wait()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.begun.IsZero() {
		return nil
	}
	if t.builds == 0 && len(t.running) == 0 && t.done > 0 {
		text := fmt.Sprintf("%d steps, %d of them from the cache", t.done, t.cached)
		t.above = append(t.above, row(wordBuilt, elapsed(t.Now().Sub(t.begun)), text))
	}
	t.draw(nil)
	var err error
	for _, s := range t.running {
		err = cmp.Or(err, s.all.close())
	}
	return err
}

// lastLine is the last line of a text that says something.
func lastLine(data []byte) string {
	text := ""
	for line := range strings.Lines(string(data)) {
		text = cmp.Or(clean(strings.TrimRight(line, "\r\n")), text)
	}
	return text
}
