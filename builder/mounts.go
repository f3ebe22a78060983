package builder

import (
	"context"
	"fmt"
	"os"

	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/mountflag"
	"github.com/projectatomic/buildah/internal/spec"
)

// mounts are all mounts of a run besides those that every container has: this
// run's, the record's, and the files that we bind.
func (x *execution) mounts(ctx context.Context) (spec.Mounts, error) {
	m := newMounting(x)
	if err := m.lockCaches(ctx); err != nil {
		return spec.Mounts{}, err
	}
	for _, text := range x.o.Mounts.Volumes {
		if err := m.volume(text); err != nil {
			return spec.Mounts{}, err
		}
	}
	for _, text := range x.o.Mounts.Mounts {
		if err := m.mount(ctx, text); err != nil {
			return spec.Mounts{}, err
		}
	}
	for _, text := range x.record.CommonBuildOpts.Volumes {
		v, err := mountflag.ParseVolume(text)
		if err == nil && m.seen[v.Target] {
			continue // this run's own wins
		}
		if err := m.volume(text); err != nil {
			return spec.Mounts{}, err
		}
	}
	if err := m.imageVolumes(); err != nil {
		return spec.Mounts{}, err
	}
	files, err := x.boundFiles()
	if err != nil {
		return spec.Mounts{}, err
	}
	_, noShm := os.Stat("/dev/shm")
	return spec.Mounts{
		Volumes: m.all, Subscriptions: x.subscriptions(), Files: files, ShmSize: x.record.CommonBuildOpts.ShmSize, HasShm: noShm == nil,
		NoTTYGroup: x.engine.Host.Rootless && lacksGroup(spec.TTYGroup),
	}, nil
}

// mounting collects the mounts that were asked for.
type mounting struct {
	*execution
	all    []specs.Mount
	seen   map[string]bool   // destinations
	caches map[string]string // those that this run uses, by the names it asked for
	keys   int               // files in memory
	agents int
}

func newMounting(x *execution) *mounting {
	return &mounting{execution: x, seen: map[string]bool{}, caches: map[string]string{}}
}

func (m *mounting) take(mount specs.Mount) error {
	if m.seen[mount.Destination] {
		return fmt.Errorf("duplicate mount destination %q", mount.Destination)
	}
	m.seen[mount.Destination] = true
	m.all = append(m.all, mount)
	return nil
}

// volume takes a --volume: a file or directory of the host.
func (m *mounting) volume(text string) error {
	v, err := mountflag.ParseVolume(text)
	if err != nil {
		return err
	}
	src, err := openHostSource(v.Source, v.NoDereference)
	if err != nil {
		return fmt.Errorf("volume %q: %w", text, err)
	}
	defer src.Close()
	if err := m.prepareSource(src, v.Attributes); err != nil {
		return fmt.Errorf("volume %q: %w", text, err)
	}
	source := v.Source
	if v.Overlay {
		if source, err = m.overlay(src, v.UpperDir, v.WorkDir); err != nil {
			return fmt.Errorf("volume %q: %w", text, err)
		}
	}
	return m.take(specs.Mount{Destination: v.Target, Type: "bind", Source: source, Options: append([]string{"rbind"}, v.Options()...)})
}

func (m *mounting) parseMount(text string) (mountflag.Mount, error) {
	rooted := m.o.Mounts.ContextDir != "" || m.o.Mounts.Context != nil
	return mountflag.ParseMount(text, mountflag.Context{Workdir: firstNonEmpty(m.o.Process.Workdir, m.o.Mounts.Workdir), Rooted: rooted})
}

// mount takes a --mount of any kind.
func (m *mounting) mount(ctx context.Context, text string) error {
	mf, err := m.parseMount(text)
	if err != nil {
		return err
	}
	switch mf.Kind {
	case mountflag.Tmpfs:
		err = m.tmpfs(mf)
	case mountflag.Cache:
		err = m.cache(ctx, mf)
	case mountflag.Secret:
		err = m.secret(mf)
	case mountflag.SSH:
		err = m.ssh(mf)
	default:
		err = m.bindMount(ctx, mf)
	}
	if err != nil {
		return fmt.Errorf("mount %q: %w", text, err)
	}
	return nil
}

func (m *mounting) tmpfs(mf mountflag.Mount) error {
	options := mf.Options()
	if mf.Tmpfs.Size > 0 {
		options = append(options, fmt.Sprintf("size=%d", mf.Tmpfs.Size))
	}
	if mf.Tmpfs.Mode != "" {
		options = append(options, "mode="+mf.Tmpfs.Mode)
	}
	if mf.Tmpfs.CopyUp {
		options = append(options, "tmpcopyup")
	}
	if mf.Tmpfs.Mode != "" && !mf.Tmpfs.CopyUp {
		source, err := m.ownTmpfs(mf.Tmpfs)
		if err != nil {
			return err
		}
		return m.take(specs.Mount{Destination: mf.Target, Type: "bind", Source: source, Options: append([]string{"bind"}, mf.Options()...)})
	}
	return m.take(specs.Mount{Destination: mf.Target, Type: "tmpfs", Source: "tmpfs", Options: options})
}

// bindMount takes a bind; what is written to one with rw is thrown away.
func (m *mounting) bindMount(ctx context.Context, mf mountflag.Mount) error {
	root, err := m.sourceRoot(ctx, mf.From)
	if err != nil {
		return err
	}
	var src *os.File
	if root == nil {
		src, err = openHostSource(mf.Source, mf.NoDereference)
	} else {
		src, err = openIn(root, mf)
	}
	if err != nil {
		return err
	}
	defer src.Close()
	source, err := m.bindSource(src, mf, root != nil)
	if err != nil {
		return err
	}
	kind := "rbind"
	if mf.Flat {
		kind = "bind"
	}
	return m.take(specs.Mount{Destination: mf.Target, Type: "bind", Source: source, Options: append([]string{kind}, mf.Options()...)})
}

// openIn opens the source of a mount inside a root.
func openIn(root *copier.Root, mf mountflag.Mount) (*os.File, error) {
	flags := unix.O_PATH
	if mf.NoDereference {
		flags |= unix.O_NOFOLLOW
	}
	return root.OpenFile(firstNonEmpty(mf.Source, "/"), flags, 0)
}

// bindSource gives what is to be bound: the source itself, or an overlay of it
// where writes are thrown away. What was lent to us, such as the root of another
// stage, is not given to another owner, but its overlay is.
func (m *mounting) bindSource(src *os.File, mf mountflag.Mount, lent bool) (string, error) {
	kept := m.o.Mounts.KeepWrites && mf.From == ""
	changed := !mf.ReadOnly || lent && mf.Chown
	if kept || !changed {
		if err := m.prepareSource(src, mf.Attributes); err != nil {
			return "", err
		}
		return m.pin(src, mf.Flat)
	}
	a := mf.Attributes
	a.Chown = mf.Chown && !lent
	if err := m.prepareSource(src, a); err != nil {
		return "", err
	}
	at, err := m.overlay(src, "", "")
	if err != nil || !mf.Chown || a.Chown {
		return at, err
	}
	upper, err := openHostSource(at, true)
	if err != nil {
		return "", err
	}
	defer upper.Close()
	return at, m.prepareSource(upper, mountflag.Attributes{Chown: true})
}

// sourceRoot is the root that a mount's source is looked up in, nil for the host.
func (m *mounting) sourceRoot(ctx context.Context, from string) (*copier.Root, error) {
	switch {
	case from != "":
		if root, ok := m.o.Mounts.Roots[from]; ok {
			return root, nil
		}
		return m.lend(ctx, from)
	case m.o.Mounts.Context != nil:
		return m.o.Mounts.Context, nil
	case m.o.Mounts.ContextDir == "":
		return nil, nil
	}
	root, err := copier.OpenRoot(m.o.Mounts.ContextDir)
	if err != nil {
		return nil, fmt.Errorf("opening the context directory: %w", err)
	}
	m.undo = append(m.undo, root.Close)
	return root, nil
}

// lend opens the root of a container or of an image for the time of the run.
func (m *mounting) lend(ctx context.Context, from string) (*copier.Root, error) {
	root, done, err := m.engine.openRoot(ctx, from, BaseOptions{})
	if err != nil {
		return nil, err
	}
	m.undo = append(m.undo, func() error { done(); return nil })
	return root, nil
}
