package imagebuildah

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/projectatomic/buildah/internal/events"
)

// errStopped is what ends the stages that are under way when another one has failed.
var errStopped = errors.New("build canceled")

// schedule is when the stages of a build, those of all its platforms, are carried
// out. They begin in their order, each once there is a slot for it. A stage that
// needs another gives its slot away until that is done. It only ever waits for
// stages that come before it, so one of them can always go on.
//
// The first that fails stops the others: those after it at once, and those before it
// after a while. When several fail at about the same time, it is always the same one
// that is reported.
type schedule struct {
	nodes []*node       // in order
	slots chan struct{} // holds one for each that is taken; nil when they do not run out
	grace time.Duration // for the stages before one that has failed
	stop  context.CancelCauseFunc
	halt  context.CancelFunc // nothing is begun any more

	mu     sync.Mutex
	failed int // the first in order that has failed; as many as there are nodes when none has
	late   *time.Timer
}

// grace is what is not much to wait after a failure, and enough for those that began together.
const grace = time.Second

// newSchedule has so many slots; 0 means as many as are wanted. The caller calls
// stop when all is over.
func newSchedule(ctx context.Context, jobs int) (context.Context, *schedule) {
	s := &schedule{grace: grace}
	if jobs > 0 {
		s.slots = make(chan struct{}, jobs)
	}
	ctx, s.stop = context.WithCancelCause(ctx)
	return ctx, s
}

// add puts a stage after the others.
func (s *schedule) add(n *node) {
	n.order = len(s.nodes)
	s.nodes = append(s.nodes, n)
	s.failed = len(s.nodes)
}

func (s *schedule) take(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if s.slots == nil {
		return nil
	}
	select {
	case s.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// give gives a slot back. After a stop there may be none to give: nobody takes one
// any more.
func (s *schedule) give() {
	select {
	case <-s.slots:
	default:
	}
}

// wait waits for the end of something, and lets others have the slot meanwhile.
func (s *schedule) wait(ctx context.Context, end <-chan struct{}) error {
	select {
	case <-end:
		return nil
	default:
	}
	s.give()
	select {
	case <-end:
		return s.take(ctx)
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// run carries out what is wanted, and gives the failure that counts: of those that
// were no consequence of another, the one of the first in order.
func (s *schedule) run(ctx context.Context) error {
	var all sync.WaitGroup
	beginning, halt := context.WithCancel(ctx)
	defer halt()
	s.halt = halt
	for _, n := range s.nodes {
		if !n.wanted {
			continue
		}
		if s.take(beginning) != nil {
			break
		}
		if !n.begin() { // somebody has needed it before its turn
			s.give()
			continue
		}
		all.Go(func() {
			defer s.give()
			s.carry(ctx, n)
		})
	}
	all.Wait()
	if s.late != nil {
		s.late.Stop()
	}
	if s.failed < len(s.nodes) {
		return s.nodes[s.failed].err
	}
	for _, n := range s.nodes {
		if n.err != nil {
			return n.err
		}
	}
	return context.Cause(ctx)
}

// carry carries out a stage that was begun.
func (s *schedule) carry(ctx context.Context, n *node) {
	defer close(n.over)
	defer n.pass(allSteps)
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	s.mu.Lock()
	n.stop = stop
	if n.order > s.failed {
		stop(errStopped)
	}
	s.mu.Unlock()
	n.result, n.err = n.work(ctx)
	if n.err != nil {
		n.result = nil
	}
	n.group.End(status(ctx, n.err))
	if n.err != nil && ctx.Err() == nil && !errors.Is(n.err, errStopped) {
		s.fail(n)
	}
}

// fail notes a failure that is no consequence of another, and stops the others.
func (s *schedule) fail(failed *node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt()
	s.failed = min(s.failed, failed.order)
	for _, n := range s.nodes[s.failed+1:] {
		if n.stop != nil {
			n.stop(errStopped)
		}
	}
	if s.late == nil {
		s.late = time.AfterFunc(s.grace, func() { s.stop(errStopped) })
	}
}

// need gives the result of a stage. One that nobody has begun is carried out here
// and now, and told of in the middle of the one that needs it.
func (s *schedule) need(ctx context.Context, n *node, around *events.Group) (*stageResult, error) {
	if n.begin() {
		n.group = around.Stage(n.build.position(n.stage))
		s.carry(ctx, n)
	} else if err := s.wait(ctx, n.over); err != nil {
		return nil, err
	}
	if n.result == nil {
		return nil, errStopped
	}
	return n.result, nil
}

// node is one stage of one platform, or the end of a platform's build.
type node struct {
	build  *build
	stage  *stage // nil for the end
	wanted bool   // in any case, not only when another stage turns out to need it
	group  *events.Group
	work   func(context.Context) (*stageResult, error)

	order  int
	begun  atomic.Bool
	stop   context.CancelCauseFunc
	over   chan struct{} // closed at the end; what follows is settled then
	result *stageResult  // nil when it failed
	err    error

	mu     sync.Mutex
	passed int           // steps that are done, the FROM being the first
	moved  chan struct{} // closed at the next of them
}

// allSteps is more than any stage has.
const allSteps = int(^uint(0) >> 1)

func newNode(b *build, st *stage, work func(context.Context) (*stageResult, error)) *node {
	return &node{build: b, stage: st, work: work, over: make(chan struct{}), moved: make(chan struct{})}
}

// begin tells whether it is the caller who has to carry it out.
func (n *node) begin() bool { return n.begun.CompareAndSwap(false, true) }

// pass tells those who wait that so many steps are done.
func (n *node) pass(steps int) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.passed = steps
	close(n.moved)
	n.moved = make(chan struct{})
}

// follow waits until so many steps of another stage are done.
func (s *schedule) follow(ctx context.Context, n *node, steps int) error {
	for {
		n.mu.Lock()
		passed, moved := n.passed, n.moved
		n.mu.Unlock()
		if passed >= steps {
			return nil
		}
		if err := s.wait(ctx, moved); err != nil {
			return err
		}
	}
}
