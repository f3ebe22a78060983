package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/events"
)

// listFlags are about images for several platforms.
type listFlags struct {
	manifest string
	logSplit bool
	all      bool
}

func (f *listFlags) options() []*option {
	return []*option{
		boolOption("all-platforms", &f.all, "build for every platform that all the base images are offered for"),
		boolOption("logsplit", &f.logSplit, "with --logfile FILE, write the output of each platform to FILE_OS_ARCH"),
		textOption("manifest", "LIST", &f.manifest, "add the images to this manifest list, which is made where it is missing"),
	}
}

// check finds flags that have no meaning for several images.
func (f *listFlags) check(r *resultFlags, pushed bool, platforms []string) error {
	if f.logSplit && r.logFile == "" {
		return usageError{text: "cannot use --logsplit without --logfile"}
	}
	if len(platforms) < 2 && !f.all {
		return nil
	}
	for _, file := range []struct{ what, name string }{
		{"iidfile", r.iidFile}, {"iidfile-raw", r.iidFileRaw}, {"metadata-file", r.metadataFile},
	} {
		if file.name != "" && (!pushed || file.what != "metadata-file") { // which tells of the list that is pushed
			return usageError{
				text: fmt.Sprintf("building multiple images, but %s %q can only be used to store one image ID", file.what, file.name),
				hint: "the IDs are written to standard output, a line for each platform",
			}
		}
	}
	return nil
}

// settle says for which platforms to build.
func (f *listFlags) settle(p *platformFlags, o *imagebuildah.Options) (err error) {
	o.Lists.Manifest, o.Lists.All = f.manifest, f.all
	if f.all {
		return nil
	}
	if o.Lists.Platforms, err = p.all(); err != nil || len(o.Lists.Platforms) > 1 {
		return err
	}
	o.Base.Platform, err = p.settle()
	return err
}

// platformLogs are the log files of --logsplit, by platform.
type platformLogs struct {
	base     string
	renderer func(out, errs io.Writer) events.Renderer

	mu sync.Mutex // platforms are built at the same time
	of map[string]*platformLog
}

// platformLog is the log file of a platform, and the stream that writes to it.
type platformLog struct {
	file   *os.File
	stream *events.Stream
}

// split gives a platform a log file of its own.
func (l *platformLogs) split(p builder.Platform) (*events.Stream, error) {
	file, err := l.open(p)
	if err != nil {
		return nil, err
	}
	return file.stream, nil
}

// open makes the log file of a platform. Its variant is in the name only when
// another platform differs in nothing else.
func (l *platformLogs) open(p builder.Platform) (*platformLog, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	name := l.base + "_" + p.OS + "_" + p.Arch
	for _, other := range l.of {
		if other.file.Name() == name {
			name += "_" + p.Variant
			break
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log file of %s: %w", p, err)
	}
	log := &platformLog{file: f, stream: events.New(l.renderer(f, f), time.Now)}
	l.of[p.String()] = log
	return log, nil
}

// tell writes the ID of each image, to the log of its platform if it has one.
func (l *platformLogs) tell(out io.Writer, r imagebuildah.Result) error {
	var errs []error
	for _, img := range r.Images {
		to := out
		if log, ok := l.of[img.Platform.String()]; ok {
			to = log.file
		}
		_, err := fmt.Fprintln(to, img.ID)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// results tells the stream of each platform what came of it.
func (l *platformLogs) results(r events.Result) {
	for platform, log := range l.of {
		one := r
		for _, img := range r.Images {
			if img.Platform == platform {
				one = events.Result{ID: img.ID}
			}
		}
		log.stream.Result(one)
	}
}

// only is the log of the platform when there is but one, else out.
func (l *platformLogs) only(out io.Writer) io.Writer {
	for _, log := range l.of {
		return log.file
	}
	return out
}

// end shows what is still held back.
func (l *platformLogs) end() error {
	var errs []error
	for _, log := range l.of {
		errs = append(errs, log.stream.Close())
	}
	return errors.Join(errs...)
}

func (l *platformLogs) close() {
	for _, log := range l.of {
		log.file.Close()
	}
}
