package imagebuildah

import (
	"errors"
	"path/filepath"

	"github.com/projectatomic/buildah/builder"
)

// splitExports are the exports of several builds: each has a directory of its own
// in them, and they share the archives.
type splitExports struct {
	list  []Export
	files []*outFile
}

// openSplit begins the archives. The caller calls close.
func openSplit(list []Export) (*splitExports, error) {
	s := &splitExports{}
	for _, x := range list {
		if x.File != "" {
			f, err := createFile(x.File)
			if err != nil {
				return nil, errors.Join(err, s.close(false))
			}
			s.files = append(s.files, f)
			x = Export{Stream: f}
		}
		s.list = append(s.list, x)
	}
	return s, nil
}

// forPlatform are the exports of one build. The last one ends the archives.
func (s *splitExports) forPlatform(p builder.Platform, last bool) []Export {
	var list []Export
	for _, x := range s.list {
		if x.Dir != "" {
			x.Dir = filepath.Join(x.Dir, directory(p))
		} else {
			x.below, x.open = directory(p), !last
		}
		list = append(list, x)
	}
	return list
}

// close gives the archives their names, or takes them away.
func (s *splitExports) close(keep bool) error {
	var errs []error
	for _, f := range s.files {
		errs = append(errs, f.finish(keep))
	}
	return errors.Join(errs...)
}
