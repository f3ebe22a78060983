package builder

import (
	"os"

	"github.com/projectatomic/buildah/internal/spec"
)

// mounts are all mounts of a run besides those that every container has.
func (x *execution) mounts() (spec.Mounts, error) {
	files, err := x.boundFiles()
	if err != nil {
		return spec.Mounts{}, err
	}
	_, noShm := os.Stat("/dev/shm")
	return spec.Mounts{Files: files, ShmSize: x.record.CommonBuildOpts.ShmSize, HasShm: noShm == nil}, nil
}
