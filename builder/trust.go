package builder

import (
	"context"
	"fmt"

	"github.com/projectatomic/buildah/internal/transfer"
)

// checkPush finds out before the work whether its result can be written to where it
// goes: signed, encrypted and compressed as the options say.
func (e *Engine) checkPush(d Destination, o transfer.PushOptions) error {
	if err := e.Images.CheckPush(o); err != nil {
		return err
	}
	if d.Push == "" && len(d.Names) > 0 && len(o.Encryption.Keys) > 0 {
		return fmt.Errorf("encrypting %q: images of the store are not encrypted: leave --encryption-key to `buildah push`, or name a destination such as %q", d.Names[0], "docker://"+d.Names[0])
	}
	return nil
}

// signStored signs an image of the store under its new names; those that are pushed
// are signed on the way.
func (e *Engine) signStored(ctx context.Context, d Destination, id string, o transfer.PushOptions) error {
	if d.Push != "" || o.Registry.Sign.IsZero() {
		return nil
	}
	return e.Images.SignStored(ctx, id, d.Names, o.Registry)
}
