package events

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

// paper is where a Plain writes in tests: one text, in which errors, transfers
// and warnings are marked.
type paper struct{ bytes.Buffer }

type marked struct {
	to   *paper
	mark string
}

func (m marked) Write(p []byte) (int, error) {
	fmt.Fprintf(m.to, "%s%s", m.mark, p)
	return len(p), nil
}

func plainOn(s *paper) *Plain {
	return &Plain{
		Steps: s, Out: s, Err: marked{s, "2>"}, Transfer: marked{s, "t>"}, Log: marked{s, "l>"},
		Warn: func(text string) { fmt.Fprintf(s, "! %s\n", text) },
	}
}

// told builds two stages of which the second needs a third in its middle.
func told(s *Stream) {
	b := s.Build("linux/arm64")
	first, second := b.Stage(Position{Index: 0, Count: 3}), b.Stage(Position{Index: 2, Count: 3, Name: "final"})
	second.Start(2)
	second.Step("FROM scratch AS final", "Dockerfile", 5)
	first.Start(1)
	second.AddSteps(1)
	second.EndStep(Done, -1)
	second.Step("COPY --from=tools /t /t", "", 0)
	inner := second.Stage(Position{Index: 1, Count: 3, Name: "tools"})
	inner.Start(1)
	first.Step("FROM base", "Dockerfile", 1)
	fmt.Fprint(second.Output(2), "early\n")
	inner.Step("FROM scratch AS tools", "Dockerfile", 3)
	inner.Warn(Warning{Text: "inner"})
	fmt.Fprint(s.Logs(), "from a library\n")
	inner.End(Done)
	b.UnusedArgs([]string{"A", "B"})
	second.Hit(strings.Repeat("ab", 32))
	second.Usage("1(system)")
	second.Image(strings.Repeat("ab", 32))
	second.EndStep(Done, -1)
	fmt.Fprint(first.Transfers(), "Trying to pull...\n")
	first.End(Done)
	second.Step("RUN x", "Dockerfile", 6)
	second.Step("RUN more than was known", "Dockerfile", 7)
	fmt.Fprint(second.Output(1), "half a li")
	fmt.Fprint(second.Output(2), "other")
	fmt.Fprint(second.Output(1), "ne\n")
	second.Commit("")
	second.Commit("name")
	second.End(Done)
	b.Tagged("localhost/name:latest")
	b.Warn(Warning{Text: "found", Rule: "Rule"})
	b.End(Done)
	second.Image("after the end, which nobody sees")
}

const wantTold = `[linux/arm64] [1/3] STEP 1/1: FROM base
l>from a library
t>Trying to pull...
[linux/arm64] [3/3] STEP 1/2: FROM scratch AS final
[linux/arm64] [3/3] STEP 2/3: COPY --from=tools /t /t
[linux/arm64] [2/3] STEP 1/1: FROM scratch AS tools
! inner
2>early
--> Using cache abababababababababababababababababababababababababababababababab
1(system)
--> abababababab
[linux/arm64] [3/3] STEP 3/3: RUN x
[linux/arm64] [3/3] STEP 4: RUN more than was known
half a li2>otherne
[linux/arm64] [3/3] COMMIT
[linux/arm64] [3/3] COMMIT name
[Warning] one or more build args were not consumed: [A B]
Successfully tagged localhost/name:latest
! found
`

func TestPlainGroups(t *testing.T) {
	t.Parallel()
	var s paper
	stream := New(plainOn(&s), time.Now)
	told(stream)
	if s.String() != wantTold {
		t.Errorf("got:\n%s", s.String())
	}
	if err := stream.Close(); err != nil || s.String() != wantTold {
		t.Errorf("after the end: %v\n%s", err, s.String())
	}
}

func TestPlainQuiet(t *testing.T) {
	t.Parallel()
	var s paper
	p := plainOn(&s)
	p.Steps, p.Out, p.Transfer = nil, nil, nil
	told(New(p, time.Now))
	if want := "l>from a library\n! inner\n2>early\n2>other"; s.String() != want {
		t.Errorf("got %q", s.String())
	}
	var hidden paper
	p = plainOn(&hidden)
	p.HideIDs = true
	told(New(p, time.Now))
	if want := strings.Replace(wantTold, "--> abababababab\n", "", 1); hidden.String() != want {
		t.Errorf("got %q", hidden.String())
	}
	told(nil) // nobody listens
}

// TestPlainFailure holds that what comes after a failed stage is not shown, as if
// stages were built one after the other.
func TestPlainFailure(t *testing.T) {
	t.Parallel()
	var s paper
	stream := New(plainOn(&s), time.Now)
	b := stream.Build("")
	var stages [4]*Group
	for i := range stages {
		stages[i] = b.Stage(Position{Index: i, Count: 4})
		stages[i].Start(1)
		stages[i].Step("FROM x", "", 0)
	}
	fmt.Fprint(stages[2].Output(2), "went wrong\n")
	stages[2].End(Failing)
	stages[3].End(Stopped)
	stages[0].End(Done)
	stages[1].End(Stopped)
	fmt.Fprint(b.Output(1), "nobody sees it\n")
	b.End(Failing)
	want := "[1/4] STEP 1/1: FROM x\n[2/4] STEP 1/1: FROM x\n[3/4] STEP 1/1: FROM x\n2>went wrong\n"
	if s.String() != want {
		t.Errorf("got:\n%s", s.String())
	}
	if err := stream.Close(); err != nil || s.String() != want {
		t.Errorf("after the end: %v\n%s", err, s.String())
	}
}

// TestPlainNeverEnded holds that nothing is lost of groups that nobody ends.
func TestPlainNeverEnded(t *testing.T) {
	t.Parallel()
	var s paper
	stream := New(plainOn(&s), time.Now)
	b := stream.Build("")
	b.Stage(Position{Index: 0, Count: 2})
	fmt.Fprint(b.Stage(Position{Index: 1, Count: 2}).Output(1), "late\n")
	if s.Len() > 0 {
		t.Errorf("too early: %q", s.String())
	}
	if err := stream.Close(); err != nil || s.String() != "late\n" {
		t.Errorf("%v, got %q", err, s.String())
	}
}

// TestHeldBackInFiles holds that what is held back takes little memory, comes out as
// it went in, and leaves no file.
func TestHeldBackInFiles(t *testing.T) {
	t.Parallel()
	var s paper
	p := plainOn(&s)
	p.Err, p.TempDir = &s, t.TempDir()
	stream := New(p, time.Now)
	b := stream.Build("")
	first := b.Stage(Position{Index: 0, Count: 3})
	held := []*Group{b.Stage(Position{Index: 1, Count: 3}), b.Stage(Position{Index: 2, Count: 3})}
	random := rand.New(rand.NewPCG(1, 2))
	var want [2]strings.Builder
	for n := 0; want[0].Len()+want[1].Len() < 4*heldInMemory; n++ {
		i := random.IntN(2)
		text := strings.Repeat(fmt.Sprintf("%d:%d ", i, n), random.IntN(1000))
		want[i].WriteString(text)
		fmt.Fprint(held[i].Output(1+random.IntN(2)), text)
	}
	if p.tree.room.memory > heldInMemory {
		t.Errorf("%d bytes in memory", p.tree.room.memory)
	}
	if list, err := os.ReadDir(p.TempDir); err != nil || len(list) > 0 {
		t.Errorf("files with names: %v %v", list, err)
	}
	held[1].End(Done)
	first.End(Done)
	fmt.Fprint(held[0].Output(1), "at once")
	held[0].End(Done)
	if s.String() != want[0].String()+"at once"+want[1].String() {
		t.Error("something else came out")
	}
	if err := stream.Close(); err != nil || p.tree.room.memory != 0 {
		t.Errorf("%v, %d bytes in memory at the end", err, p.tree.room.memory)
	}
}

var update = flag.Bool("update", false, "write the golden files anew")

var errBroken = errors.New("broken")

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errBroken }

// TestOutputThatNobodyTakes holds that a command learns of it, at once or at the end.
func TestOutputThatNobodyTakes(t *testing.T) {
	t.Parallel()
	stream := New(&Plain{Steps: broken{}, Out: broken{}}, time.Now)
	b := stream.Build("")
	first, second := b.Stage(Position{Index: 0, Count: 2}), b.Stage(Position{Index: 1, Count: 2})
	first.Step("FROM x", "", 0)
	if _, err := first.Output(1).Write([]byte("x")); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	if _, err := second.Output(1).Write([]byte("x")); err != nil {
		t.Errorf("got %v", err)
	}
	first.End(Done)
	second.End(Done)
	if err := stream.Close(); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
	lost := &Plain{TempDir: t.TempDir() + "/missing"}
	b = New(lost, time.Now).Build("")
	b.Stage(Position{})
	if _, err := b.Stage(Position{}).Output(1).Write(make([]byte, heldInMemory+1)); err == nil || !strings.HasPrefix(err.Error(), "holding back") {
		t.Errorf("got %v", err)
	}
}

// TestStagesAtOnce holds that many goroutines give the text that one gives.
func TestStagesAtOnce(t *testing.T) {
	t.Parallel()
	build := func(s *Stream, spread func(func())) {
		var builds []*Group
		for _, platform := range []string{"linux/amd64", "linux/arm64"} {
			builds = append(builds, s.Build(platform))
		}
		for _, b := range builds {
			var stages []*Group
			for i := range 8 {
				stages = append(stages, b.Stage(Position{Index: i, Count: 8}))
			}
			for i, g := range stages {
				spread(func() {
					g.Start(20)
					for n := range 20 {
						g.Step(fmt.Sprintf("RUN %d", n), "Dockerfile", n)
						fmt.Fprintf(g.Output(1), "%s\n", strings.Repeat("x", n*i*50))
						if n == 7 {
							inner := g.Stage(Position{Index: 99, Count: 8})
							inner.Start(1)
							fmt.Fprint(g.Output(2), "after\n")
							inner.Warn(Warning{Text: "in the middle"})
							inner.End(Done)
						}
						g.EndStep(Done, -1)
					}
					g.End(Done)
				})
			}
		}
	}
	var one, many paper
	stream := New(plainOn(&one), time.Now)
	build(stream, func(f func()) { f() })
	if err := stream.Close(); err != nil {
		t.Fatal(err)
	}
	var wait sync.WaitGroup
	p := plainOn(&many)
	p.TempDir = t.TempDir()
	stream = New(p, time.Now)
	build(stream, func(f func()) { wait.Go(f) })
	wait.Wait()
	if err := stream.Close(); err != nil || one.String() != many.String() {
		t.Errorf("%v: other text", err)
	}
}
