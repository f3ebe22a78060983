package main

import (
	"errors"
	"fmt"
	"io"
	"os"
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
func (f *listFlags) check(r *resultFlags, platforms []string) error {
	if f.logSplit && r.logFile == "" {
		return usageError{text: "cannot use --logsplit without --logfile"}
	}
	if len(platforms) < 2 && !f.all {
		return nil
	}
	for _, file := range []struct{ what, name string }{
		{"iidfile", r.iidFile}, {"iidfile-raw", r.iidFileRaw}, {"metadata-file", r.metadataFile},
	} {
		if file.name != "" {
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
	base    string
	files   map[string]*os.File
	streams []*events.Stream
}

// split gives each platform a log file of its own, if that is wanted.
func (f *buildFlags) split(o *imagebuildah.Output, e *builder.Engine) *platformLogs {
	logs := &platformLogs{base: f.result.logFile, files: map[string]*os.File{}}
	if !f.lists.logSplit {
		return logs
	}
	o.Split = func(p builder.Platform) (*events.Stream, error) {
		file, err := logs.open(p)
		if err != nil {
			return nil, err
		}
		stream := events.New(f.plain(e, file, file), time.Now)
		logs.streams = append(logs.streams, stream)
		return stream, nil
	}
	return logs
}

// end shows what the streams of platforms still hold back.
func (l *platformLogs) end() error {
	var errs []error
	for _, s := range l.streams {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

// open makes the log file of a platform. Its variant is in the name only when
// another platform differs in nothing else.
func (l *platformLogs) open(p builder.Platform) (*os.File, error) {
	name := l.base + "_" + p.OS + "_" + p.Arch
	for _, other := range l.files {
		if other.Name() == name {
			name += "_" + p.Variant
			break
		}
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the log file of %s: %w", p, err)
	}
	l.files[p.String()] = f
	return f, nil
}

// tell writes the ID of each image, to the log of its platform if it has one.
func (l *platformLogs) tell(out io.Writer, r imagebuildah.Result) error {
	var errs []error
	for _, img := range r.Images {
		to := out
		if f, ok := l.files[img.Platform.String()]; ok {
			to = f
		}
		_, err := fmt.Fprintln(to, img.ID)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// only is the log of the platform when there is but one, else out.
func (l *platformLogs) only(out io.Writer) io.Writer {
	for _, f := range l.files {
		return f
	}
	return out
}

func (l *platformLogs) close() {
	for _, f := range l.files {
		f.Close()
	}
}
