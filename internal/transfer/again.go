package transfer

import (
	"context"
	"fmt"

	"go.podman.io/image/v5/copy"
	"go.podman.io/image/v5/signature"
)

// PushAgain gives what was just pushed to a registry a further name in the same
// repository, and signs it for that. The name that it has is its digest: a tag may be
// somebody else's by now, whose image must not get our signature. It is read back with
// the signatures that it has there: what is written in its place would otherwise
// replace them.
func (c *Client) PushAgain(ctx context.Context, name, further string, o PushOptions) (Pushed, error) {
	p, err := c.pushAgain(ctx, name, further, PushOptions{Registry: o.Registry})
	if err != nil {
		return Pushed{}, inOneLine(fmt.Errorf("pushing %q as %q: %w", name, further, err))
	}
	return p, nil
}

func (c *Client) pushAgain(ctx context.Context, name, further string, o PushOptions) (Pushed, error) {
	src, err := c.pushReference(name, "")
	if err != nil {
		return Pushed{}, err
	}
	dest, err := c.pushReference(further, "")
	if err != nil {
		return Pushed{}, err
	}
	j, done, err := c.newPush(ctx, dest, o)
	if err != nil {
		return Pushed{}, err
	}
	defer done()
	// It is our own.
	policy, err := newPolicy(&signature.Policy{Default: signature.PolicyRequirements{signature.NewPRInsecureAcceptAnything()}})
	if err != nil {
		return Pushed{}, err
	}
	defer func() { _ = policy.Destroy() }()
	j.src, j.policy = src, policy
	j.opts.ImageListSelection = copy.CopyAllImages
	return j.run(ctx)
}
