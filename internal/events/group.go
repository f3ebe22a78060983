package events

import (
	"io"
	"time"
)

// Group is what belongs together: the build for a platform, or a stage of it. At
// most one step of a group is under way. A nil Group drops what it is told.
type Group struct {
	At       Position // the zero value for the build itself
	Platform string   // "" when there is only one
	Parent   *Group   // nil for the build itself
	Steps    int      // how many there will be, as far as is known

	stream *Stream
	id     int
	step   *Step // under way
	number int   // of the latest step
	begun  time.Time
	ended  bool
}

// Position says which stage a group is. Count 0 means that it is none.
type Position struct {
	Index, Count int // from 0
	Name         string
}

// Stage declares a stage, after all that the group has told so far.
func (g *Group) Stage(at Position) *Group {
	if g == nil {
		return nil
	}
	return g.stream.declare(g, at, g.Platform)
}

// Start tells that the group is under way and how many steps it has.
func (g *Group) Start(steps int) {
	g.change(func() {
		g.Steps, g.begun = steps, g.stream.now()
		g.render(Event{Kind: GroupStarted, Steps: steps})
	})
}

// AddSteps tells that there are more steps than was known.
func (g *Group) AddSteps(n int) {
	if n == 0 {
		return
	}
	g.change(func() {
		g.Steps += n
		g.render(Event{Kind: StepsAdded, Steps: g.Steps})
	})
}

// Step tells that the next step begins. File and line say where it stands.
func (g *Group) Step(text, file string, line int) {
	g.change(func() {
		g.number++
		g.stream.steps++
		g.step = &Step{Number: g.number, Text: text, File: file, Line: line, Begun: g.stream.now(), id: g.stream.steps}
		g.render(Event{Kind: StepStarted})
	})
}

// EndStep tells that the step under way is over. Size is how many bytes its layer
// has, [NoLayer] for a step without one.
func (g *Group) EndStep(status Status, size int64) {
	g.change(func() { g.endStep(status, size) })
}

func (g *Group) endStep(status Status, size int64) {
	if g.step == nil {
		return
	}
	g.render(Event{Kind: StepEnded, Status: status, Bytes: size, Seconds: g.stream.now().Sub(g.step.Begun).Seconds()})
	g.step = nil
}

// End tells that the group is over, and its step with it. Only the first call counts.
func (g *Group) End(status Status) {
	g.change(func() {
		g.endStep(status, NoLayer)
		e := Event{Kind: GroupEnded, Status: status}
		if !g.begun.IsZero() {
			e.Seconds = g.stream.now().Sub(g.begun).Seconds()
		}
		g.render(e)
		g.ended = true
	})
}

// NoLayer is the size of a layer that there is none of.
const NoLayer = -1

// Hit tells that the step is taken from the cache, and which image it comes to.
func (g *Group) Hit(id string) { g.tell(Event{Kind: CacheHit, ID: id}) }

// Pulled tells at which place a step was found that is not known here.
func (g *Group) Pulled(place, key string) {
	g.tell(Event{Kind: CachePulled, ID: key, Names: []string{place}})
}

// Pushed tells to which places a step is being written.
func (g *Group) Pushed(places []string, key string) {
	g.tell(Event{Kind: CachePushed, ID: key, Names: places})
}

// Miss tells that the step is not in the cache; why may be "".
func (g *Group) Miss(why string) { g.tell(Event{Kind: CacheMiss, Text: why}) }

// NotCacheable tells that the step is never taken from the cache; why may be "".
func (g *Group) NotCacheable(why string) { g.tell(Event{Kind: NotCacheable, Text: why}) }

// Image tells of the image that a step came to.
func (g *Group) Image(id string) { g.tell(Event{Kind: Image, ID: id}) }

// Commit tells that the result is being written; it may have no name.
func (g *Group) Commit(name string) {
	e := Event{Kind: Commit}
	if name != "" {
		e.Names = []string{name}
	}
	g.tell(e)
}

// Tagged tells of a name of the result.
func (g *Group) Tagged(name string) { g.tell(Event{Kind: Tagged, Names: []string{name}}) }

// UnusedArgs tells of build arguments that nothing declares.
func (g *Group) UnusedArgs(names []string) { g.tell(Event{Kind: UnusedArgs, Names: names}) }

// Warn tells of something that does not stop the build.
func (g *Group) Warn(w Warning) { g.tell(Event{Kind: Warned, Warning: w}) }

// Usage tells what the step cost; "" is told to nobody.
func (g *Group) Usage(text string) {
	if text != "" {
		g.tell(Event{Kind: Usage, Text: text})
	}
}

// Output gives what takes the output of the step under way: 1 or 2, as the
// descriptors of a process are numbered.
func (g *Group) Output(fd int) io.Writer { return g.writer(Event{Kind: Output, FD: fd}) }

// Transfers gives what takes lines about the images that the group fetches and sends.
func (g *Group) Transfers() io.Writer { return g.writer(Event{Kind: Transfer}) }

func (g *Group) writer(e Event) io.Writer {
	w := io.Discard
	g.change(func() {
		e.Group, e.Step = g, g.step
		w = &writer{stream: g.stream, e: e}
	})
	return w
}

func (g *Group) tell(e Event) { g.change(func() { g.render(e) }) }

// change does what nobody may see half done. A group that is over has nothing to tell.
func (g *Group) change(do func()) {
	if g == nil {
		return
	}
	g.stream.mu.Lock()
	defer g.stream.mu.Unlock()
	if !g.ended {
		do()
	}
}

// render hands an event on.
func (g *Group) render(e Event) {
	e.Group, e.Step = g, g.step
	g.stream.note(g.stream.render(e))
}
