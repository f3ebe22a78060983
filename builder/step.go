package builder

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/layers"
)

// step is a verb that changes files of a container.
type step struct {
	// key gathers all that its result follows from; nil means that the result cannot
	// be used again.
	key func(context.Context) (buildcache.Key, error)
	do  func(context.Context) error
	// settle completes the key once the work is done: nil forgets the step.
	settle func(buildcache.Key) buildcache.Key
	text   func() string // of the history
}

// stepOutcome tells how a step went.
type stepOutcome struct {
	hit  bool   // nothing was done
	kept bool   // the changes are a layer of their own now, with an entry of the history
	text string // of that entry
}

// step carries a step out. Where the container's steps come from the cache it is
// looked up before; one that was carried out is kept for the next time.
func (b *Builder) step(ctx context.Context, s step) (stepOutcome, error) {
	release, ok, err := b.beginStep()
	if err != nil {
		return stepOutcome{}, err
	}
	if !ok {
		return stepOutcome{}, s.do(ctx)
	}
	defer release()
	key, err := s.key(ctx)
	if err != nil {
		return stepOutcome{}, err
	}
	if text, hit, err := b.reuse(key); err != nil || hit {
		return stepOutcome{hit: hit, kept: hit, text: text}, err
	}
	if err := s.do(ctx); err != nil {
		return stepOutcome{}, err // what it has changed so far ends the chain
	}
	if key != nil && s.settle != nil {
		key = s.settle(key)
	}
	text := s.text()
	kept, err := b.keep(ctx, key, History{CreatedBy: text})
	return stepOutcome{kept: kept, text: text}, err
}

// beginStep takes the lock of steps; false means that the cache has nothing to do
// with this one.
func (b *Builder) beginStep() (release func(), ok bool, err error) {
	switch {
	case b.owned || !b.record.Steps.alive():
		return nil, false, nil
	case b.engine.Steps == nil:
		return nil, false, b.LeaveCache("a command without --layers has changed it")
	}
	release, ok, err = b.engine.lockSteps(b.ID(), stepLock, unix.LOCK_EX)
	if err != nil {
		return nil, false, fmt.Errorf("locking container %q: %w", b.Name(), err)
	}
	if !ok {
		return nil, false, b.LeaveCache("two steps were taken at the same time")
	}
	reason := ""
	if _, same, readErr := b.unchanged(); readErr != nil {
		err = readErr
	} else if !same {
		reason = "another command has changed it meanwhile"
	} else {
		reason, err = b.whyNot()
	}
	if err == nil && reason != "" {
		err = b.LeaveCache(reason)
	}
	if err != nil || reason != "" {
		release()
		return nil, false, err
	}
	return release, true, nil
}

// reuse goes on from what a step has come to before.
func (b *Builder) reuse(key buildcache.Key) (text string, hit bool, err error) {
	if key == nil {
		return "", false, nil
	}
	e, known := b.engine.Steps.Find(key)
	if !known {
		b.engine.info("step of %q: not in the cache: %s", b.Name(), key.Digest())
		return "", false, nil
	}
	next, ok, err := b.engine.Recall(b.baseState(), Recalled{Config: e.Config, MediaType: e.MediaType, Layer: e.Layer})
	if err != nil {
		return "", false, err
	}
	if !ok {
		b.engine.Steps.Drop(key)
		return "", false, nil
	}
	reason, err := b.standOn(next)
	if err != nil || reason != "" {
		return "", false, errors.Join(err, b.LeaveCache(reason))
	}
	b.engine.info("step of %q: from the cache: %s", b.Name(), key.Digest())
	h := b.image.OCI.History
	return h[len(h)-1].CreatedBy, true, nil
}

// keep makes what a step has changed a layer of an image, and puts the container on
// it. A step that has changed nothing is not remembered: what it says is all that it
// is for.
func (b *Builder) keep(ctx context.Context, key buildcache.Key, entry History) (kept bool, err error) {
	same, err := layers.Unchanged(b.engine.Store, b.ID())
	if err != nil || same {
		return false, err
	}
	done, err := b.freezeStep(ctx, entry)
	if err != nil {
		return false, fmt.Errorf("keeping a step of %q: %w", b.Name(), err)
	}
	// While nothing stands on the image, another program may remove it.
	guard, err := b.engine.Start(ctx, done.State, FromOptions{Owned: true, Suffix: "kept"})
	if err != nil {
		return false, fmt.Errorf("keeping a step of %q: %w", b.Name(), err)
	}
	reason, err := b.standOn(done.State)
	err = errors.Join(err, guard.Delete(context.WithoutCancel(ctx)))
	if err == nil && reason != "" {
		_, removal := b.engine.RemoveIntermediate(ctx, []string{done.ID})
		err = errors.Join(removal, b.LeaveCache(reason))
	}
	if err != nil || reason != "" || key == nil {
		return err == nil && reason == "", err
	}
	st := done.State
	e := buildcache.Entry{Config: st.Config, MediaType: imageconfig.FormatOf(b.record.Format).MediaType(), Layer: st.TopLayer}
	return true, b.engine.Steps.Keep(key, e)
}

// freezeStep makes an image without a name of the container as it is. The container
// keeps its content.
func (b *Builder) freezeStep(ctx context.Context, entry History) (Committed, error) {
	st, err := b.freeze(ctx, CommitOptions{})
	if err != nil {
		return Committed{}, err
	}
	o := CommitOptions{Metadata: Metadata{Identity: imageconfig.No, CreatedAnnotation: imageconfig.No}}
	a := b.assembly(st, o)
	entry.Author = b.image.OCI.Author
	a.layerEntry = &entry
	a.containerID = "" // it is the image of whoever takes this step
	return b.engine.publish(ctx, st, Destination{}, a)
}

// standOn puts the container on the image of a step, which is all that it is then. A
// reason tells what forbids it; then the container is as it was.
func (b *Builder) standOn(next State) (reason string, err error) {
	release, ok, err := b.engine.lockSteps(b.ID(), layerLock, unix.LOCK_EX)
	if err != nil {
		return "", fmt.Errorf("locking container %q: %w", b.Name(), err)
	}
	if !ok {
		return "another command is using it", nil
	}
	defer release()
	if _, same, err := b.unchanged(); err != nil || !same {
		return "another command has changed it meanwhile", err
	}
	if reason, err := b.inUse(); err != nil || reason != "" {
		return reason, err
	}
	return "", b.restand(next)
}
