package builder

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mattn/go-shellwords"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/sbom"
)

// ScanOptions says how it is found out what a container is made of.
type ScanOptions struct {
	Scanner  sbom.Scanner
	Base     BaseOptions // how the scanner's image is found
	Run      RunOptions  // of the scanner's commands
	Contexts []string    // directories that the container was made from
	Times    Times       // of the files that go into the image
}

// maxScan is how long one result may be.
const maxScan = 256 << 20

// Scan has the container's root file system looked at by a scanner, and writes
// the files of this host that are asked for. It gives those that belong in the
// image, for [CommitOptions]; the caller calls done when they are no longer needed.
func (b *Builder) Scan(ctx context.Context, o ScanOptions) (files []AddFile, done func() error, err error) {
	temp, err := os.MkdirTemp(b.engine.Host.TempDir, "buildah-scan-")
	if err != nil {
		return nil, nil, fmt.Errorf("scanning %q: %w", b.Name(), err)
	}
	remove := func() error { return os.RemoveAll(temp) }
	s := &scan{Builder: b, o: o, temp: temp}
	files, err = s.run(ctx)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("scanning %q: %w", b.Name(), err), remove())
	}
	return files, remove, nil
}

// scan is one scan under way.
type scan struct {
	*Builder
	o    ScanOptions
	temp string // directory of our own
}

func (s *scan) run(ctx context.Context) ([]AddFile, error) {
	calls := s.o.Scanner.Calls(len(s.o.Contexts))
	if len(calls) == 0 {
		return nil, errors.New("no command of the scanner names {ROOTFS}, or {CONTEXT} where there is one")
	}
	results, err := s.collect(ctx, calls)
	if err != nil {
		return nil, err
	}
	document, purls, err := sbom.Merge(s.o.Scanner.Strategy, results)
	if err != nil {
		return nil, err
	}
	return s.write(document, purls)
}

// collect calls the scanner in a container of its own.
func (s *scan) collect(ctx context.Context, calls []sbom.Command) (results [][]byte, err error) {
	scans := filepath.Join(s.temp, "scans")
	if err := errors.Join(os.Mkdir(scans, 0o777), os.Chmod(scans, 0o777)); err != nil { //nolint:gosec // the scanner may be any user; nobody else gets into the directory above
		return nil, err
	}
	scanner, err := s.container(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, scanner.Delete(context.WithoutCancel(ctx))) }()
	root, finish, err := s.Lend(ctx)
	if err != nil {
		return nil, err
	}
	defer finish()
	run := s.o.Run
	run.Mounts = MountOptions{Volumes: []string{bindText(root.Path(), sbom.RootFS, "ro"), bindText(scans, sbom.Scans, "rw")}}
	for n, dir := range s.o.Contexts {
		run.Mounts.Volumes = append(run.Mounts.Volumes, bindText(dir, sbom.Context(n), "ro"))
	}
	for _, c := range calls {
		if err := s.call(ctx, scanner, c, run); err != nil {
			return nil, err
		}
	}
	return readResults(scans, calls)
}

// bindText is a value of --volume.
func bindText(source, target, options string) string {
	return strings.ReplaceAll(source, ":", `\:`) + ":" + target + ":" + options
}

// container is one on the scanner's image. It runs commands as ours does, but
// has none of its volumes.
func (s *scan) container(ctx context.Context) (*Builder, error) {
	base := s.o.Base
	base.Platform = Platform{} // it runs here, whatever it looks at
	st, err := s.engine.Base(ctx, s.o.Scanner.Image, base)
	if err != nil {
		return nil, fmt.Errorf("finding the scanner %q: %w", s.o.Scanner.Image, err)
	}
	o := FromOptions{Owned: true, Suffix: "scanner", Execution: s.record.Execution}
	common := *o.Execution.CommonBuildOpts
	common.Volumes = nil
	o.Execution.CommonBuildOpts = &common
	return s.engine.Start(ctx, st, o)
}

func (s *scan) call(ctx context.Context, scanner *Builder, c sbom.Command, run RunOptions) error {
	argv := scanner.image.ShellCommand([]string{c.Text}, false)
	if !c.Shell {
		var err error
		if argv, err = shellwords.Parse(c.Text); err != nil {
			return fmt.Errorf("reading the scanner's command %q: %w", c.Text, err)
		}
	}
	if err := scanner.Run(ctx, argv, run); err != nil {
		// Its exit status is not that of a command of the user.
		return fmt.Errorf("running the scanner's command %q: %s", c.Text, err.Error())
	}
	return nil
}

// readResults reads what the scanner wrote, which may be a link to anywhere.
func readResults(scans string, calls []sbom.Command) ([][]byte, error) {
	dir, err := copier.OpenRoot(scans)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	var results [][]byte
	for _, c := range calls {
		if c.Result == "" {
			continue
		}
		data, err := dir.ReadFile(c.Result, maxScan)
		if err != nil {
			return nil, fmt.Errorf("reading the result of the scanner's command %q: %w", c.Text, err)
		}
		results = append(results, data)
	}
	if len(results) == 0 {
		return nil, errors.New("no command of the scanner names {OUTPUT}")
	}
	return results, nil
}

// write writes the files of this host, and lists those for the image.
func (s *scan) write(document, purls []byte) ([]AddFile, error) {
	out := s.o.Scanner.Outputs
	var files []AddFile
	for _, f := range []struct {
		name, image string
		data        []byte
	}{{out.File, out.ImageFile, document}, {out.PURLFile, out.ImagePURLFile, purls}} {
		if f.name != "" {
			if err := replaceFile(f.name, f.data); err != nil {
				return nil, err
			}
		}
		if f.image == "" {
			continue
		}
		source := filepath.Join(s.temp, fmt.Sprintf("image%d", len(files)))
		if err := os.WriteFile(source, f.data, 0o644); err != nil { //nolint:gosec // it is read by all in the image
			return nil, err
		}
		err := os.Chmod(source, 0o644) //nolint:gosec // whatever the umask
		if at := s.o.Times.Fixed(); at != nil {
			err = errors.Join(err, os.Chtimes(source, *at, *at))
		}
		if err != nil {
			return nil, err
		}
		files = append(files, AddFile{Source: source, Dest: filepath.Join("/", f.image)})
	}
	return files, nil
}

// replaceFile writes a file at once; what is no file, such as a pipe, is written to.
func replaceFile(name string, data []byte) (err error) {
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return os.WriteFile(name, data, 0o600)
	}
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+"-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Chmod(0o644), f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
