package main

import (
	"errors"
	"runtime"
	"slices"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// jobsFlags say how much is done at the same time.
type jobsFlags struct {
	jobs  int
	asked bool
}

func (f *jobsFlags) options() []*option {
	return []*option{
		noting(newOption("jobs", "N", "at most so many stages at the same time; 0 is without a limit", func(s string) (err error) {
			if f.jobs, err = parseNumber[int](s); err == nil && f.jobs < 0 {
				err = errors.New("invalid value for jobs.  It must be a positive integer")
			}
			return err
		}), &f.asked),
	}
}

// leastJobs are as many stages as there are at the same time also on a small
// machine: they often wait, for the network among others.
const leastJobs = 4

// settle is the number of stages at the same time. Without the flag, commands do not
// run beside each other that can write to the same directory of the host.
func (f *jobsFlags) settle(volumes []string) int {
	switch {
	case f.asked:
		return f.jobs
	case slices.ContainsFunc(volumes, writable):
		return 1
	}
	return max(leastJobs, runtime.NumCPU())
}

// writable tells whether commands can change the directory of a volume.
func writable(volume string) bool {
	v, err := mountflag.ParseVolume(volume)
	return err == nil && !v.Overlay && !v.ReadOnly
}
