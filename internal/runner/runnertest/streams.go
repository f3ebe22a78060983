package runnertest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/spec"
)

func outputs(t *testing.T, f *fixture) {
	o := f.shell(t, "echo out; echo err >&2; echo out2")
	o.says(t, "out\nout2\n")
	if o.err != "err\n" {
		t.Fatalf("stderr is %q", o.err)
	}
}

func oneOutput(t *testing.T, f *fixture) {
	var both bytes.Buffer
	o := f.shell(t, "i=0; while test $i -lt 200; do echo o; echo e >&2; i=$((i+1)); done", func(_ *spec.Input, j *runner.Job) {
		j.Stdio.Out, j.Stdio.Err = &both, &both
	})
	if o.failure != nil || strings.Count(both.String(), "o") != 200 || strings.Count(both.String(), "e") != 200 {
		t.Fatalf("run gives %v and %d bytes", o.failure, both.Len())
	}
}

func largeInput(t *testing.T, f *fixture) {
	data := bytes.Repeat([]byte("0123456789abcdef"), 2<<20) // 32 MiB
	want := fmt.Sprintf("%x", sha256.Sum256(data))
	sum := sha256.New()
	o := f.shell(t, "cat; echo done >&2", func(_ *spec.Input, j *runner.Job) {
		j.Stdio.In, j.Stdio.Out = bytes.NewReader(data), sum
	})
	if o.failure != nil || o.err != "done\n" {
		t.Fatalf("run gives %v, stderr %q", o.failure, o.err)
	}
	if got := fmt.Sprintf("%x", sum.Sum(nil)); got != want {
		t.Fatalf("what came out is not what went in: %s, not %s", got, want)
	}
}

func unreadInput(t *testing.T, f *fixture) {
	f.shell(t, "exit 0", func(_ *spec.Input, j *runner.Job) {
		j.Stdio.In = bytes.NewReader(make([]byte, 8<<20))
	}).says(t, "")
}

// endlessInput is a pipe whose writer never writes nor closes: the run ends
// all the same, and takes nothing from it afterwards.
func endlessInput(t *testing.T, f *fixture) {
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	f.shell(t, "echo done", func(_ *spec.Input, j *runner.Job) { j.Stdio.In = r }).says(t, "done\n")
	_, err = w.WriteString("later")
	must(t, err)
	must(t, r.SetReadDeadline(time.Now().Add(5*time.Second)))
	buf := make([]byte, 5)
	if _, err := io.ReadFull(r, buf); err != nil || string(buf) != "later" {
		t.Fatalf("what was written after the run is lost: %q, %v", buf, err)
	}
}

func noInput(t *testing.T, f *fixture) { f.shell(t, "cat; echo end").says(t, "end\n") }

// broken takes nothing.
type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("broken") }

func lostOutput(t *testing.T, f *fixture) {
	done := make(chan outcome, 1)
	go func() {
		done <- f.run(t, []string{"yes"}, func(_ *spec.Input, j *runner.Job) { j.Stdio.Out = broken{} })
	}()
	select {
	case o := <-done:
		if o.failure == nil {
			t.Fatal("losing the output is no error")
		}
	case <-time.After(20 * time.Second):
		t.Fatal("a command whose output nobody takes runs for ever")
	}
}

func descriptors(t *testing.T, f *fixture) {
	// One that the next program inherits, as a careless caller may have it.
	r, w, err := os.Pipe()
	must(t, err)
	defer r.Close()
	defer w.Close()
	leaky, err := unix.FcntlInt(w.Fd(), unix.F_DUPFD, 20)
	must(t, err)
	t.Cleanup(func() { _ = unix.Close(leaky) })
	// The shell opens the directory, so one more than 0, 1 and 2 is there.
	f.shell(t, "cd /proc/self/fd && echo *").says(t, "0 1 2 3\n")
}

// notice tells when something is written.
type notice struct {
	once sync.Once
	ch   chan struct{}
}

func (n *notice) Write(p []byte) (int, error) {
	n.once.Do(func() { close(n.ch) })
	return len(p), nil
}

func terminalAlone(t *testing.T, f *fixture) {
	o := f.shell(t, "test -t 0 && test -t 1 && test -t 2 && echo yes; cat", func(in *spec.Input, j *runner.Job) {
		in.Process.Terminal = true
		j.Stdio.In = strings.NewReader("line\n")
	})
	// The terminal may echo before the command writes.
	if o.failure != nil || !strings.Contains(o.out, "yes\r\n") || strings.Count(o.out, "line\r\n") != 2 {
		t.Fatalf("run gives %v, stdout %q", o.failure, o.out)
	}
}

// openTerminal gives both sides of a terminal: that of the one who types, and
// that of a program.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = person.Close() })
	must(t, unix.IoctlSetPointerInt(int(person.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(person.Fd()), unix.TIOCGPTN)
	must(t, err)
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	must(t, err)
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

func terminalOfCaller(t *testing.T, f *fixture) {
	person, program := openTerminal(t)
	must(t, unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 33, Col: 77}))
	before, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	must(t, err)
	screen := &screen{}
	done := make(chan outcome, 1)
	go func() {
		done <- f.shell(t, "stty size; read x; echo got $x; stty size; read y; echo end", func(in *spec.Input, j *runner.Job) {
			in.Process.Terminal = true
			j.Stdio = runner.Stdio{In: program, Out: screen, Terminal: program}
		})
	}()
	screen.await(t, "33 77\r\n")
	must(t, unix.IoctlSetWinsize(int(person.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 20, Col: 50}))
	// The signal would come by itself if this were our controlling terminal.
	must(t, unix.Kill(os.Getpid(), unix.SIGWINCH))
	time.Sleep(200 * time.Millisecond)
	_, err = person.WriteString("word\r")
	must(t, err)
	screen.await(t, "got word\r\n20 50\r\n")
	_, err = person.WriteString("\r")
	must(t, err)
	o := <-done
	if o.failure != nil {
		t.Fatalf("run gives %v; screen: %q", o.failure, screen.text())
	}
	after, err := unix.IoctlGetTermios(int(program.Fd()), unix.TCGETS)
	must(t, err)
	if *before != *after {
		t.Fatalf("the terminal was not put right: %+v, not %+v", *after, *before)
	}
}

func withTerminal(in *spec.Input, _ *runner.Job) { in.Process.Terminal = true }

func cancelTerminal(t *testing.T, f *fixture) {
	for _, after := range []time.Duration{0, 5 * time.Millisecond, 30 * time.Millisecond, 500 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), after)
		begin := time.Now()
		o := f.runUntil(ctx, t, []string{"sleep", "100"}, withTerminal)
		cancel()
		if !errors.Is(o.failure, context.DeadlineExceeded) || time.Since(begin) > 20*time.Second {
			t.Fatalf("cancelled after %v, it gives %v after %v", after, o.failure, time.Since(begin))
		}
	}
}

func missingWithTerminal(t *testing.T, f *fixture) {
	f.notStarted(t, f.run(t, []string{"no-such-command"}, withTerminal), "no-such-command")
}

// screen keeps what is written.
type screen struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

func (s *screen) await(t *testing.T, want string) {
	t.Helper()
	for range 1000 {
		if strings.Contains(s.text(), want) {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("the screen shows %q, not %q", s.text(), want)
}
