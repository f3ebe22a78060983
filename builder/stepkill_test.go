package builder

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/store"
)

// stepChildName is argv[0] of this program when it is to take a step:
// GRAPHROOT RUNROOT CONTAINER SOURCE.
const stepChildName = "builder-test-step"

func stepChildMain() {
	if err := stepChild(os.Args[1:]); err != nil {
		fmt.Println("error:", err)
		os.Exit(1)
	}
}

func stepChild(args []string) error {
	s, err := store.Open(store.Options{
		GraphRoot: args[0], RunRoot: args[1], Driver: "overlay", DriverOptions: []string{"overlay.mountopt=nodev"},
	})
	if err != nil {
		return err
	}
	e := engineOn(s, args[1])
	e.Steps = buildcache.Open(args[0])
	b, err := Open(e, args[2])
	if err != nil {
		return err
	}
	fmt.Println("ready")
	_, err = b.Add(context.Background(), "/data/", []string{args[3]}, AddOptions{})
	return err
}

// stepElsewhere takes a step in another process and kills that after a while; 0 lets
// it live. It tells how long it took.
func (v *scripts) stepElsewhere(b *Builder, source string, after time.Duration) time.Duration {
	v.t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{stepChildName, v.Store.GraphRoot(), v.Store.RunRoot(), b.ID(), source}
	cmd.Stderr = os.Stderr
	pipe := try(cmd.StdoutPipe())(v.t)
	if err := cmd.Start(); err != nil {
		v.t.Fatal(err)
	}
	line := make([]byte, len("ready\n"))
	if _, err := io.ReadFull(pipe, line); err != nil || string(line) != "ready\n" {
		rest, _ := io.ReadAll(pipe)
		v.t.Fatalf("the child says %q%q, %v", line, rest, err)
	}
	start := time.Now()
	if after > 0 {
		time.Sleep(after)
		_ = cmd.Process.Kill()
	}
	rest, _ := io.ReadAll(pipe)
	if err := cmd.Wait(); err != nil && after == 0 {
		v.t.Fatalf("the child: %v %q", err, rest)
	}
	return time.Since(start)
}

// TestKilledStep kills steps at random moments, those that are carried out and those
// that come from the cache. The container is there with what it had before or with
// all that the step brings, the same step can be taken again, and nothing is left.
func TestKilledStep(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	rounds := 14
	if os.Getenv("SOAK") != "" {
		rounds = 200
	}
	files := map[string]string{}
	for i := range 40 {
		files[fmt.Sprintf("d/f%d", i)] = fmt.Sprint(i)
	}
	known := tree(t, files)
	v.added(v.busybox(), "/data/", known)
	before := v.listing(v.busybox())
	first := v.busybox()
	duration := v.stepElsewhere(first, known, 0)
	after := v.listing(first)
	counts := v.counts()
	var states [2]int
	for round := range rounds {
		source := known
		if round%2 == 1 { // one that is not known
			source = tree(t, map[string]string{"new": fmt.Sprint(round)})
		}
		b := v.busybox()
		name := b.Name()
		v.stepElsewhere(b, source, 1+time.Duration(rand.Int64N(int64(duration)*3/2)))
		check(t, v.Store.MendRestandings())
		again, err := Open(v.Engine, name)
		if err != nil || again.ID() != b.ID() {
			t.Fatalf("round %d: the container is lost: %v", round, err)
		}
		content := v.listing(again)
		switch {
		case slices.Equal(content, before):
			states[0]++
		case source == known && slices.Equal(content, after):
			states[1]++
		case source == known:
			t.Fatalf("round %d: the container is half:\n%s", round, cmp.Diff(before, content))
		}
		if source == known {
			v.added(again, "/data/", source)
			if diff := cmp.Diff(after, v.listing(again)); diff != "" {
				t.Fatalf("round %d: the same step again:\n%s", round, diff)
			}
		}
		check(t, again.Delete(t.Context()))
		if round%7 == 6 {
			v.check()
		}
	}
	t.Logf("%d containers as before, %d with the step, a step takes %v", states[0], states[1], duration)
	if err := v.sweepAbandoned(); err != nil {
		t.Error(err)
	}
	if entries, _ := os.ReadDir(filepath.Join(v.Store.GraphRoot(), "buildah-restand")); len(entries) > 0 {
		t.Errorf("journals are left: %v", entries)
	}
	if got := v.counts(); got[1] != counts[1] {
		t.Errorf("containers before and after: %d, %d", counts[1], got[1])
	}
}

// TestParallelSteps takes steps in one container from several processes at once: all
// of them are in it afterwards.
func TestParallelSteps(t *testing.T) {
	t.Parallel()
	v := newScripts(t)
	b := v.busybox()
	done := make(chan bool)
	for n := range 4 {
		source := tree(t, map[string]string{fmt.Sprint(n): "x"})
		go func() {
			defer func() { done <- true }()
			v.stepElsewhere(b, source, 0)
		}()
	}
	for range 4 {
		<-done
	}
	b = try(Open(v.Engine, b.ID()))(t)
	for n := range 4 {
		if got := v.read(b, fmt.Sprintf("data/%d", n)); got != "x" {
			t.Errorf("step %d: %q", n, got)
		}
	}
	id := v.commit(b, "").ID
	if diff := cmp.Diff(v.listing(b), v.listing(v.from(id))); diff != "" {
		t.Errorf("the image is not the container:\n%s", diff)
	}
	v.check()
}
