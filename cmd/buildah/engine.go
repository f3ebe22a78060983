package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/docker/go-units"
	"github.com/sirupsen/logrus"
	"github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/compress"
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/transfer"
	"github.com/projectatomic/buildah/internal/userns"
)

// withEngine opens the store and everything that verbs need, does the work and
// closes it again.
func (p *program) withEngine(c *cli.Context, work func(*builder.Engine) error) (err error) {
	if err := p.checkPlaces(); err != nil {
		return err
	}
	process, err := userns.Current(p.env)
	if err != nil {
		return err
	}
	// A mount must stay where the caller is, so `mount` never goes elsewhere.
	if process.NeedsSession() && c.Command.Name != "mount" {
		return p.enterSession(c, process)
	}
	conf, err := p.configuration(process)
	if err != nil {
		return statusError{status: statusStart, cause: err}
	}
	st, err := p.openStore(process)
	if errors.Is(err, store.ErrNeedsRoot) {
		return usageError{cause: err, hint: "type: buildah unshare --mount ROOT=" + cmp.Or(c.Args().First(), "CONTAINER") + ` sh -c 'ls "$ROOT"'`}
	}
	if err != nil {
		return err
	}
	defer func() { err = st.Explain(errors.Join(explainUnknown(st, err), st.Close())) }()
	p.introduceStore(st)
	temp, err := p.temporaryDirectory(conf, st)
	if err != nil {
		return err
	}
	e := &builder.Engine{Store: st, Config: conf, Quiet: p.quiet, Warn: logrus.Warnf, Info: logrus.Infof}
	e.Host = p.host(temp, st)
	e.Host.Rootless, e.Host.UID, e.Host.SingleID = process.Rootless(), process.InvokingUID(), process.SingleID
	if e.Images, err = p.client(st, temp); err != nil {
		return err
	}
	if e.Images.Budget, err = p.compressionBudget(conf); err != nil {
		return err
	}
	e.Images.System.ParallelCopies = conf.ImageParallelCopies
	e.Images.SweepTemp()
	if err := st.MendRestandings(); err != nil {
		e.Warn("%v", err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	return work(e)
}

// configuration reads containers.conf and exports its variables that are not set.
func (p *program) configuration(process userns.Process) (containersconf.Config, error) {
	conf, err := containersconf.Load(os.LookupEnv, process.InvokingUID())
	if err != nil {
		return conf, err
	}
	if m := p.global.cgroupManager; m != "" {
		conf.CgroupManager = m
	}
	if process.Rootless() && conf.CgroupManager == "systemd" && !userSystemd(p.env) {
		conf.CgroupManager = "cgroupfs"
	}
	for _, item := range conf.Env {
		name, value, ok := strings.Cut(item, "=")
		if !ok {
			return conf, fmt.Errorf("reading env of containers.conf: %q has no \"=\"", item)
		}
		if _, set := os.LookupEnv(name); !set {
			if err := os.Setenv(name, value); err != nil {
				return conf, fmt.Errorf("setting %q of containers.conf: %w", name, err)
			}
		}
	}
	return conf, nil
}

// temporaryDirectory resolves where big temporary files go, and exports it: the
// libraries and the programs that we start read TMPDIR.
func (p *program) temporaryDirectory(conf containersconf.Config, st *store.Store) (string, error) {
	dir := p.env("TMPDIR")
	switch configured := conf.ImageCopyTmpDir; {
	case dir != "":
	case configured == "":
		dir = "/var/tmp"
	case configured == "storage":
		dir = filepath.Join(st.GraphRoot(), "tmp")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return "", fmt.Errorf("making the temporary directory: %w", err)
		}
	case !filepath.IsAbs(configured):
		return "", fmt.Errorf("reading image_copy_tmp_dir of containers.conf: %q is not an absolute path", configured)
	default:
		dir = configured
	}
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", fmt.Errorf("finding the temporary directory: %w", err)
	}
	return dir, os.Setenv("TMPDIR", dir)
}

func (p *program) openStore(process userns.Process) (*store.Store, error) {
	g := &p.global
	if len(g.gidMap) > 0 && len(g.uidMap) == 0 {
		return nil, usageError{cause: errGroupsAlone}
	}
	for _, dir := range []*string{&g.root, &g.runRoot, &g.imageStore, &g.mountsFile} {
		if *dir == "" {
			continue
		}
		abs, err := filepath.Abs(*dir)
		if err != nil {
			return nil, fmt.Errorf("finding the store: %w", err)
		}
		*dir = abs
	}
	return store.Open(p.storeOptions(process))
}

// storeOptions say where the store is, as the flags of the program do.
func (p *program) storeOptions(process userns.Process) store.Options {
	g := &p.global
	return store.Options{
		GraphRoot: g.root, RunRoot: g.runRoot, ImageStore: g.imageStore, Driver: g.driver,
		DriverOptions: g.driverOptions, TransientStore: g.transient,
		Rootless: process.Rootless(), SingleID: process.SingleID, Warn: p.notice,
	}
}

// host is what the library may know about this process.
func (p *program) host(temp string, st *store.Store) builder.Host {
	old := unix.Umask(0o022)
	if old&^0o022 == 0 {
		unix.Umask(old) // only group and others lose something: the caller's choice stands
	}
	return builder.Host{
		Version: programVersion, TempDir: temp, RuntimeDir: filepath.Join(st.RunRoot(), "buildah"), Env: os.Environ(),
		Runtime: p.env("BUILDAH_RUNTIME"), Isolation: p.env("BUILDAH_ISOLATION"),
		NoPivot: p.env("BUILDAH_NOPIVOT") != "", MountsFile: p.global.mountsFile, Umask: old, Stderr: p.stderr,
	}
}

func (p *program) client(st *store.Store, temp string) (*transfer.Client, error) {
	sources, err := transfer.ParseRegistrySources(p.env("BUILD_REGISTRY_SOURCES"))
	if err != nil {
		return nil, fmt.Errorf("reading BUILD_REGISTRY_SOURCES: %w", err)
	}
	c := &transfer.Client{Store: st, System: p.registrySystem()}
	c.System.TempDir, c.System.Sources = temp, sources
	if isTerminal(p.stdin) {
		c.Prompt = p.ask
	}
	return c, nil
}

// compressionBudget is the memory for compressing layers: as the flag says, else as
// containers.conf does.
func (p *program) compressionBudget(conf containersconf.Config) (*compress.Budget, error) {
	size := p.global.compressionMemory
	if size == 0 && conf.CompressionMemory != "" {
		var err error
		if size, err = compressionMemory(conf.CompressionMemory); err != nil {
			return nil, fmt.Errorf("reading compression_memory of containers.conf: %w", err)
		}
	}
	return compress.NewBudget(size), nil
}

func compressionMemory(text string) (int64, error) {
	size, err := units.RAMInBytes(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a size", text)
	}
	return size, compress.CheckMemory(size)
}

// report shows the progress of transfers on standard error, unless quiet.
func (p *program) report(e *builder.Engine, quiet bool) {
	e.Images.Report = p.stderr
	if quiet {
		e.Images.Report = nil
	}
}

// parseFormat reads the word for an image format; "" is the default one.
func parseFormat(word string) (builder.Format, error) {
	if word == "" {
		return "", nil
	}
	f, err := imageconfig.ParseFormat(word)
	if err != nil {
		return f, usageError{cause: err}
	}
	return f, nil
}
