package rusage

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

func TestNowCountsWhatWasStarted(t *testing.T) {
	before, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	// The shell still lives when we look; what it waited for has ended.
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", "(i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done); echo done; read x")
	in, _ := cmd.StdinPipe()
	out, _ := cmd.StdoutPipe()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := out.Read(make([]byte, 5)); err != nil {
		t.Fatal(err)
	}
	alive, err := Now()
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Log(err) // read found no line
	}
	used := alive.Since(before)
	if used.User < 20*time.Millisecond || used.Elapsed < used.User/2 {
		t.Errorf("a busy loop used %s", used)
	}
}

func TestParsing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for pid, parent := range map[string]string{"10": "1", "11": "10", "12": "11", "20": "1", "self": "10"} {
		if err := os.Mkdir(filepath.Join(dir, pid), 0o755); err != nil {
			t.Fatal(err)
		}
		text := pid + " (odd) name) 1 2 S) S " + parent + " 0 0 0 0 0 0 0 0 0 1 20 300 4000 20 0\n"
		if err := os.WriteFile(filepath.Join(dir, pid, "stat"), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	below, err := descendants(dir, 10)
	if err != nil || !slices.Equal(below, []string{dir + "/11", dir + "/12"}) {
		t.Errorf("below 10 are %v, %v", below, err)
	}
	var u Usage
	u.addTimes(readFile(dir+"/11", "stat"))
	u.addTimes("11 (short) S 1")
	u.addTimes("")
	u.addBytes("rchar: 7\nread_bytes: 2048\nwrite_bytes: 10\ncancelled_write_bytes: 5\n")
	if want := "40.2s(system) 3.01s(user) 0s(elapsed) 2KiB input 10B output"; u.String() != want {
		t.Errorf("%s, wanted %s", u, want)
	}
	if got := (Usage{User: 1}).Since(Usage{User: 2, Input: 3}); got != (Usage{}) {
		t.Errorf("a difference of %v", got)
	}
}

func FuzzStat(f *testing.F) {
	f.Add("1 (a) S 1 0 0 0 0 0 0 0 0 0 1 20 300 4000", "read_bytes: 1")
	f.Fuzz(func(_ *testing.T, stat, io string) {
		var u Usage
		u.addTimes(stat)
		u.addBytes(io)
		_ = parentOf(stat)
		_ = u.String()
	})
}
