package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

// plannedStages is a schedule of stages that do nothing but need each other.
type plannedStages struct {
	*schedule
	mu      sync.Mutex
	log     []string
	running int
	most    int // so many had a slot at the same time
}

func (p *plannedStages) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.log = append(p.log, fmt.Sprintf(format, args...))
}

// busy works for a while with the slot.
func (p *plannedStages) busy(d time.Duration) {
	p.mu.Lock()
	p.running++
	p.most = max(p.most, p.running)
	p.mu.Unlock()
	time.Sleep(d)
	p.mu.Lock()
	p.running--
	p.mu.Unlock()
}

// stages makes a schedule: needs[i] are the stages that stage i asks for one after
// the other, each after some work.
func stages(t *testing.T, jobs int, needs [][]int, work func(context.Context, int) error) (*plannedStages, error) {
	t.Helper()
	return plannedStagesOf(t, jobs, needs, func(ctx context.Context, _ *plannedStages, i int) error { return work(ctx, i) })
}

// plannedStagesOf tells the work what it is part of.
func plannedStagesOf(t *testing.T, jobs int, needs [][]int, work func(context.Context, *plannedStages, int) error) (*plannedStages, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	ctx, s := newSchedule(ctx, jobs)
	defer s.stop(nil)
	s.grace = 50 * time.Millisecond
	p := &plannedStages{schedule: s}
	for i := range needs {
		n := newNode(nil, nil, func(ctx context.Context) (*stageResult, error) {
			p.note("begin %d", i)
			for _, other := range needs[i] {
				p.busy(time.Millisecond)
				if _, err := s.need(ctx, s.nodes[other], nil); err != nil {
					return nil, err
				}
				p.note("%d has %d", i, other)
			}
			err := work(ctx, p, i)
			p.note("end %d", i)
			return &stageResult{}, err
		})
		n.wanted = true
		s.add(n)
	}
	return p, s.run(ctx)
}

func TestScheduleOfOneIsInOrder(t *testing.T) {
	t.Parallel()
	p, err := stages(t, 1, [][]int{{}, {0}, {}, {1, 2}}, func(context.Context, int) error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"begin 0", "end 0", "begin 1", "1 has 0", "end 1", "begin 2", "end 2", "begin 3", "3 has 1", "3 has 2", "end 3"}
	if !slices.Equal(p.log, want) {
		t.Errorf("log %q", p.log)
	}
}

// TestScheduleOverlaps holds that as many stages as there are slots are at work at once.
func TestScheduleOverlaps(t *testing.T) {
	t.Parallel()
	for _, jobs := range []int{0, 4} {
		var meeting sync.WaitGroup
		meeting.Add(4)
		_, err := stages(t, jobs, [][]int{{}, {}, {}, {}, {0, 1, 2, 3}}, func(ctx context.Context, i int) error {
			if i == 4 {
				return nil
			}
			meeting.Done()
			all := make(chan struct{})
			go func() { meeting.Wait(); close(all) }()
			select {
			case <-all:
				return nil
			case <-ctx.Done():
				return fmt.Errorf("%d waits for the others: %w", i, context.Cause(ctx))
			}
		})
		if err != nil {
			t.Errorf("%d slots: %v", jobs, err)
		}
	}
}

// TestScheduleOfGraphs runs graphs of any shape with few slots: everything ends, each
// stage once and after those that it needs, and never more at once than there are slots.
func TestScheduleOfGraphs(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		random := rand.New(rand.NewPCG(seed, 1))
		needs := make([][]int, 2+random.IntN(12))
		for i := range needs {
			for j := range i {
				if random.IntN(3) == 0 {
					needs[i] = append(needs[i], j)
				}
			}
			random.Shuffle(len(needs[i]), func(a, b int) { needs[i][a], needs[i][b] = needs[i][b], needs[i][a] })
		}
		jobs := 1 + random.IntN(4)
		made, err := plannedStagesOf(t, jobs, needs, func(_ context.Context, p *plannedStages, i int) error {
			p.busy(time.Duration(delay(seed, i)) * time.Microsecond)
			return nil
		})
		if err != nil {
			t.Fatalf("seed %d, %d slots, %v: %v", seed, jobs, needs, err)
		}
		for i, list := range needs {
			end := slices.Index(made.log, fmt.Sprintf("end %d", i))
			if end < 0 {
				t.Errorf("seed %d: stage %d did not end", seed, i)
			}
			for _, j := range list {
				if had := slices.Index(made.log, fmt.Sprintf("%d has %d", i, j)); had < slices.Index(made.log, fmt.Sprintf("end %d", j)) || had > end {
					t.Errorf("seed %d: stage %d went on without %d", seed, i, j)
				}
			}
		}
		if made.most > jobs {
			t.Errorf("seed %d: %d at once with %d slots", seed, made.most, jobs)
		}
	}
}

// delay is a number below 2000 that a stage always gets.
func delay(seed uint64, i int) int { return rand.New(rand.NewPCG(seed, uint64(i))).IntN(2000) }

var errTest = errors.New("it fails")

// TestScheduleStops holds that a failure ends the stages before it and after it, and
// that nothing is begun any more.
func TestScheduleStops(t *testing.T) {
	t.Parallel()
	begun := make(chan struct{}, 3)
	p, err := stages(t, 3, [][]int{{}, {}, {}, {}}, func(ctx context.Context, i int) error {
		begun <- struct{}{}
		if i == 1 {
			for len(begun) < 3 {
				time.Sleep(time.Millisecond)
			}
			return errTest
		}
		<-ctx.Done()
		return fmt.Errorf("killed: %w", context.Cause(ctx))
	})
	if !errors.Is(err, errTest) {
		t.Errorf("error %v", err)
	}
	if slices.Contains(p.log, "begin 3") {
		t.Errorf("log %q", p.log)
	}
	for _, i := range []int{0, 2} {
		if !errors.Is(p.nodes[i].err, errStopped) {
			t.Errorf("stage %d ended with %v", i, p.nodes[i].err)
		}
	}
}

// TestScheduleTellsTheFirst holds that of stages which fail at about the same time,
// the first in order is told of, also when it was the last to fail.
func TestScheduleTellsTheFirst(t *testing.T) {
	t.Parallel()
	_, err := stages(t, 0, [][]int{{}, {}, {}, {2}}, func(ctx context.Context, i int) error {
		if i < 2 { // not stopped at once: something after them has failed
			time.Sleep(time.Duration(20-10*i) * time.Millisecond)
		}
		return fmt.Errorf("%w: stage %d", errTest, i)
	})
	if err == nil || err.Error() != "it fails: stage 0" {
		t.Errorf("error %v", err)
	}
}

// TestScheduleTellsTheCause holds that a stage which needs one that fails is not what
// is told of.
func TestScheduleTellsTheCause(t *testing.T) {
	t.Parallel()
	for _, jobs := range []int{0, 1, 2} {
		_, err := stages(t, jobs, [][]int{{}, {0}, {1}, {0, 2}}, func(_ context.Context, i int) error {
			time.Sleep(2 * time.Millisecond)
			return fmt.Errorf("%w: stage %d", errTest, i)
		})
		if err == nil || err.Error() != "it fails: stage 0" {
			t.Errorf("%d slots: error %v", jobs, err)
		}
	}
}

func TestScheduleIsStoppedFromOutside(t *testing.T) {
	t.Parallel()
	cause := errors.New("interrupted")
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	ctx, s := newSchedule(ctx, 1)
	defer s.stop(nil)
	for range 3 {
		n := newNode(nil, nil, func(ctx context.Context) (*stageResult, error) {
			cancel(cause)
			<-ctx.Done()
			return nil, context.Cause(ctx)
		})
		n.wanted = true
		s.add(n)
	}
	if err := s.run(ctx); !errors.Is(err, cause) {
		t.Errorf("error %v", err)
	}
	if s.nodes[1].begun.Load() {
		t.Error("a stage was begun after that")
	}
}

// TestScheduleOfWhatNobodyWants carries out a stage where it turns out to be needed,
// once, and leaves others alone.
func TestScheduleOfWhatNobodyWants(t *testing.T) {
	t.Parallel()
	for _, jobs := range []int{0, 1, 2} {
		ctx, s := newSchedule(t.Context(), jobs)
		var mu sync.Mutex
		count := make([]int, 5)
		for i := range 5 {
			n := newNode(&build{plan: &plan{}}, &stage{}, func(ctx context.Context) (*stageResult, error) {
				if i >= 2 {
					if _, err := s.need(ctx, s.nodes[0], nil); err != nil {
						return nil, err
					}
				}
				mu.Lock()
				defer mu.Unlock()
				count[i]++
				return &stageResult{}, nil
			})
			n.wanted = i >= 2
			s.add(n)
		}
		if err := s.run(ctx); err != nil {
			t.Error(err)
		}
		if !slices.Equal(count, []int{1, 0, 1, 1, 1}) {
			t.Errorf("%d slots: carried out %v times", jobs, count)
		}
		s.stop(nil)
	}
}

// TestSharedThingIsMadeOnce has many ask for the same things at the same time.
func TestSharedThingIsMadeOnce(t *testing.T) {
	t.Parallel()
	var s shared[int, int]
	var mu sync.Mutex
	made := map[int]int{}
	failed := false
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			_, err := s.get(i%4, func() (int, error) {
				mu.Lock()
				defer mu.Unlock()
				if i%4 == 3 && !failed {
					failed = true
					return 0, errTest
				}
				made[i%4]++
				return i, nil
			})
			if err != nil && i%4 != 3 {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if want := map[int]int{0: 1, 1: 1, 2: 1, 3: 1}; fmt.Sprint(made) != fmt.Sprint(want) || len(s.list()) != 4 {
		t.Errorf("made %v", made)
	}
}
