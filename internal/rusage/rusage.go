// Package rusage measures what a piece of work costs: the time of processors,
// the clock's time, and what is read from and written to disks, by this process
// and by all that it has started.
package rusage

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/docker/go-units"
	"golang.org/x/sys/unix"
)

// Usage is what was used up to a moment, or between two.
type Usage struct {
	System, User, Elapsed time.Duration
	Input, Output         int64 // bytes
}

// Now gives the usage since the process began. Elapsed only makes sense in a
// difference.
func Now() (Usage, error) {
	u := Usage{Elapsed: time.Duration(time.Now().UnixNano())}
	for _, who := range []int{unix.RUSAGE_SELF, unix.RUSAGE_CHILDREN} {
		var r unix.Rusage
		if err := unix.Getrusage(who, &r); err != nil {
			return u, fmt.Errorf("measuring the use of resources: %w", err)
		}
		u.System += time.Duration(r.Stime.Nano())
		u.User += time.Duration(r.Utime.Nano())
	}
	// What has been started and still runs has not been counted for us yet; it
	// counts what it has waited for itself.
	processes, err := descendants("/proc", os.Getpid())
	if err != nil {
		return u, fmt.Errorf("measuring the use of resources: %w", err)
	}
	for _, dir := range processes {
		u.addTimes(readFile(dir, "stat"))
		u.addBytes(readFile(dir, "io"))
	}
	u.addBytes(readFile("/proc/self", "io"))
	return u, nil
}

// Since is what was used after an earlier moment.
func (u Usage) Since(earlier Usage) Usage {
	// A process that has ended meanwhile may have taken its numbers along.
	return Usage{
		System: max(0, u.System-earlier.System), User: max(0, u.User-earlier.User), Elapsed: max(0, u.Elapsed-earlier.Elapsed),
		Input: max(0, u.Input-earlier.Input), Output: max(0, u.Output-earlier.Output),
	}
}

// String is the line about a step.
func (u Usage) String() string {
	const grain = time.Millisecond
	return fmt.Sprintf("%s(system) %s(user) %s(elapsed) %s input %s output", u.System.Round(grain), u.User.Round(grain), u.Elapsed.Round(grain),
		units.CustomSize("%.4g%s", float64(u.Input), 1024, sizes()), units.CustomSize("%.4g%s", float64(u.Output), 1024, sizes()))
}

func sizes() []string { return []string{"B", "KiB", "MiB", "GiB", "TiB", "PiB"} }

// tick is the unit of times in stat, which is the same on every machine.
const tick = time.Second / 100

// addTimes adds the four times of a stat file: those of the process and of what
// it has waited for.
func (u *Usage) addTimes(stat string) {
	// The name of the program, in parentheses, may hold anything.
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	const first = 11 // of the fields after the name
	if len(fields) < first+4 {
		return // it has ended
	}
	for i, to := range []*time.Duration{&u.User, &u.System, &u.User, &u.System} {
		if n, err := strconv.ParseInt(fields[first+i], 10, 64); err == nil {
			*to += time.Duration(n) * tick
		}
	}
}

func (u *Usage) addBytes(io string) {
	for line := range strings.Lines(io) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.ParseInt(value, 10, 64)
		switch {
		case err != nil:
		case key == "read_bytes":
			u.Input += n
		case key == "write_bytes":
			u.Output += n
		}
	}
}

// descendants are the directories of the processes below one.
func descendants(proc string, pid int) ([]string, error) {
	stats, err := filepath.Glob(filepath.Join(proc, "[0-9]*"))
	if err != nil {
		return nil, err
	}
	children := map[string][]string{}
	for _, dir := range stats {
		if parent := parentOf(readFile(dir, "stat")); parent != "" {
			children[parent] = append(children[parent], dir)
		}
	}
	var all []string
	next := []string{strconv.Itoa(pid)}
	for len(next) > 0 {
		dirs := children[next[0]]
		next = next[1:]
		for _, dir := range dirs {
			all = append(all, dir)
			next = append(next, filepath.Base(dir))
		}
	}
	return all, nil
}

// parentOf is the second field after the name.
func parentOf(stat string) string {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 2 {
		return ""
	}
	return fields[1]
}

// readFile gives the content of a file of /proc, "" when its process has ended.
func readFile(dir, name string) string {
	data, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return string(data)
}
