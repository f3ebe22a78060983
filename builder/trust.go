package builder

import (
	"context"
	"errors"

	"github.com/projectatomic/buildah/internal/transfer"
)

// checkPush finds out before the work whether its result can be written to where it
// goes: signed, encrypted and compressed as the options say.
func (e *Engine) checkPush(d Destination, o transfer.PushOptions) error {
	if err := e.Images.CheckPush(o); err != nil {
		return err
	}
	if d.Push == "" && len(d.Names) > 0 {
		return checkStored(o)
	}
	return nil
}

// checkStored refuses what the store cannot do with an image of its own.
func checkStored(o transfer.PushOptions) error {
	if len(o.Encryption.Keys) > 0 {
		return errors.New("images of the store are not encrypted: leave --encryption-key to a push, or name a destination such as docker://REGISTRY/NAME")
	}
	return nil
}

// CheckResult finds out before a build whether its result, which may be several images,
// can be what the options want it to be.
func (e *Engine) CheckResult(names []string, several bool, o transfer.PushOptions) error {
	if len(names) > 0 {
		d, err := e.Destination(names[0], names[1:])
		if err != nil {
			return err
		}
		if d.Push != "" {
			return e.checkPush(d, o)
		}
	}
	switch {
	case !o.Registry.Sign.IsZero() && len(names) == 0:
		return errors.New("signing the image: a signature is for a name: give one with --tag")
	case !o.Registry.Sign.IsZero() && several:
		return errors.New("signing the images: those of several platforms are signed when they are pushed: add --push, or sign them with `buildah manifest push --sign-by`")
	}
	return errors.Join(checkStored(o), e.Images.CheckPush(o))
}

// SignStored signs an image of the store under its new names; those that are pushed
// are signed on the way.
func (e *Engine) SignStored(ctx context.Context, d Destination, id string, o transfer.PushOptions) error {
	if d.Push != "" || o.Registry.Sign.IsZero() {
		return nil
	}
	return e.Images.SignStored(ctx, id, d.Names, o.Registry)
}
