package imagebuildah

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/ignore"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// namedContexts are those of --build-context that count for one platform, by
// their plain names.
type namedContexts map[string]contexts.Named

// newNamed picks the contexts for a platform: one that is for it wins over one
// that is for all, and otherwise the last one wins.
func newNamed(list []contexts.Named, p imageconfig.Platform) (namedContexts, error) {
	if p.IsZero() {
		p = imageconfig.Host()
	}
	all := namedContexts{}
	for _, n := range list {
		key := plainName(n.Name)
		if n.Platform != "" {
			want, err := parsePlatform(n.Platform)
			if err != nil {
				return nil, fmt.Errorf("build context %q: %w", n.Name, err)
			}
			if want.String() != p.String() {
				continue
			}
		} else if all[key].Platform != "" {
			continue
		}
		all[key] = n
	}
	return all, nil
}

// plainName makes one name of all that mean the same stage or image.
func plainName(name string) string {
	name = strings.TrimPrefix(strings.ToLower(name), "docker.io/")
	return strings.TrimSuffix(strings.TrimPrefix(name, "library/"), ":latest")
}

// lookup finds the context that a FROM, a COPY or a mount means. It wins over a
// stage of its name, however that stage is named.
func (p *plan) lookup(name string, before int) (contexts.Named, bool) {
	if len(p.named) == 0 || name == "" {
		return contexts.Named{}, false
	}
	if n, ok := p.named[plainName(name)]; ok {
		return n, true
	}
	if at := p.find(name, before); at != none && p.stages[at].name != "" {
		n, ok := p.named[p.stages[at].name]
		return n, ok
	}
	return contexts.Named{}, false
}

// findStage finds an earlier stage, unless a context stands in its place.
func (p *plan) findStage(name string, before int) int {
	if _, shadowed := p.lookup(name, before); shadowed {
		return none
	}
	return p.find(name, before)
}

// openedContext is a named context that somebody has asked for.
type openedContext struct {
	*contexts.Context
	root     *copier.Root
	ignored  []string // patterns of its own ignore file
	ignoring string   // that file
}

// contextPool opens named contexts when they are first asked for, once for all
// stages and platforms.
type contextPool struct {
	opened shared[string, *openedContext]
}

func (p *contextPool) open(ctx context.Context, n contexts.Named, o contexts.Options) (*openedContext, error) {
	return p.opened.get(n.Value, func() (*openedContext, error) {
		opened, err := n.Open(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("build context %q: %w", n.Name, err)
		}
		c := &openedContext{Context: opened}
		if c.root, err = copier.OpenRoot(opened.Dir); err == nil && n.Kind == contexts.Directory {
			err = c.readIgnoreFile()
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("build context %q: %w", n.Name, err), c.close())
		}
		return c, nil
	})
}

func (p *contextPool) close() error {
	var errs []error
	for _, c := range p.opened.list() {
		errs = append(errs, c.close())
	}
	return errors.Join(errs...)
}

func (c *openedContext) readIgnoreFile() error {
	f, err := c.IgnoreFile("", nil, c.Dir)
	if err != nil || f.Name == "" {
		return err
	}
	c.ignoring = f.Name
	if c.ignored, err = ignore.Parse(strings.NewReader(string(f.Data))); err != nil {
		return fmt.Errorf("%q: %w", f.Name, err)
	}
	return nil
}

func (c *openedContext) close() error {
	if c.root != nil {
		c.root.Close()
	}
	return c.Close()
}

// lendNamed gives the root of a named context for reading.
func (b *build) lendNamed(ctx context.Context, n contexts.Named) (*copier.Root, error) {
	if n.Kind != contexts.Image {
		c, err := b.pool.open(ctx, n, b.o.Source.Fetch)
		if err != nil {
			return nil, err
		}
		return c.root, nil
	}
	return b.lent.get("context "+n.Value, func() (*copier.Root, error) {
		st, err := b.namedState(ctx, n, b.o.Base)
		if err != nil {
			return nil, err
		}
		return b.rootOf(ctx, b.engine.Start(st, builder.FromOptions{Owned: true}, origin{image: n.Value}))
	})
}

// namedState resolves a context that is an image. The user has named it, not the
// Dockerfile, so it may be of any transport.
func (b *build) namedState(ctx context.Context, n contexts.Named, o builder.BaseOptions) (builder.State, error) {
	name := n.Value
	layout := strings.HasPrefix(name, "oci:")
	if name != builder.Scratch && !layout {
		var err error
		if name, err = b.o.Policy.Apply(name); err != nil {
			return builder.State{}, err
		}
	}
	o.Unnamed = o.Unnamed || layout
	st, err := b.engine.Base(ctx, name, o)
	if err != nil {
		return st, fmt.Errorf("build context %q: %w", n.Name, err)
	}
	if layout {
		st.ImageName = ""
	}
	return st, nil
}

// namedBase begins a stage on a context that is no image: its files become the
// first layer.
func (r *stageRun) namedBase(ctx context.Context, n contexts.Named) error {
	c, err := r.pool.open(ctx, n, r.o.Source.Fetch)
	if err != nil {
		return err
	}
	o := builder.AddOptions{Source: builder.Source{Root: c.root, KeepOwner: true}}
	left, err := matcher(c.ignored, c.ignoring)
	if err != nil {
		return err
	}
	if left != nil { // nil of this type is no nil of that one
		o.Selection.Ignore = left
	}
	x := contextBase{n: n, c: c, add: o}
	if hit, err := r.known(ctx, &x); hit || err != nil {
		return err
	}
	added, err := r.ws.Add(ctx, "/", []string{"."}, x.add)
	if err != nil {
		return err
	}
	if !r.o.Layers {
		if err := r.temporaries.remember(ctx, r.engine); err != nil {
			return err
		}
	}
	id, err := r.commit(ctx, "", builder.History{CreatedBy: r.nop("ADD " + added.Summary() + " in / ")}, r.intermediate())
	if err != nil {
		return err
	}
	if !r.o.Layers {
		r.temporaries.add(id.ID)
	}
	return r.keepBase(&x, added.Sources)
}

// baseOf resolves the image of the FROM, or the context of that name.
func (b *build) baseOf(ctx context.Context, s *stage, o builder.BaseOptions) (builder.State, error) {
	n := s.context
	switch {
	case n == nil:
		return b.baseState(ctx, s.image, o)
	case n.Kind == contexts.Image:
		return b.namedState(ctx, *n, o)
	}
	return b.engine.Base(ctx, builder.Scratch, o)
}
