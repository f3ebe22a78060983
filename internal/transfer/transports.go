package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"go.podman.io/image/v5/docker/daemon"
	"go.podman.io/image/v5/types"
)

// readOnly are the transports that images can come by, and not leave by.
var readOnly = map[string]bool{"sif": true, "tarball": true}

// writable refuses transports by which nothing can be written, before any work is
// done for it.
func writable(t types.ImageTransport) error {
	if readOnly[t.Name()] {
		return fmt.Errorf("images can be read from %q and not be written there: use oci-archive: or docker-archive: instead", t.Name()+":")
	}
	return gone(t)
}

// gone refuses a transport of which the library knows only the name.
func gone(t types.ImageTransport) error {
	if t.Name() == "ostree" {
		return fmt.Errorf("%q is not supported any more: use oci: for a directory that shares blobs", t.Name()+":")
	}
	return nil
}

// reachable refuses a docker daemon that is behind a way which nobody here knows.
func (c *Client) reachable(t types.ImageTransport) error {
	if t.Name() != daemon.Transport.Name() {
		return nil
	}
	switch scheme, rest, _ := strings.Cut(c.System.DockerHost, "://"); scheme {
	case "ssh":
		return fmt.Errorf("the docker daemon at %q can't be reached over ssh: forward its socket with ssh -L, and set DOCKER_HOST to that", c.System.DockerHost)
	case "http":
		return fmt.Errorf("the docker daemon at %q can't be reached without TLS: use its socket, or certificates and tcp://%s", c.System.DockerHost, rest)
	}
	return nil
}

// explain says why the docker daemon did not take an image: writing to it reports no
// more than a closed pipe, reading from it tells.
func (c *Client) explain(ctx context.Context, sys *types.SystemContext, ref types.ImageReference, err error) error {
	if ref.Transport().Name() != daemon.Transport.Name() || !errors.Is(err, io.ErrClosedPipe) {
		return err
	}
	src, cause := ref.NewImageSource(ctx, sys)
	if cause == nil {
		return errors.Join(err, src.Close())
	}
	if strings.Contains(cause.Error(), "from daemon") { // it answers
		return err
	}
	return fmt.Errorf("no docker daemon took the image: %w", cause)
}

// withinStore refuses a reference that spells out a store which is not ours, and gives
// what it says of the image otherwise.
func (c *Client) withinStore(rest string) (string, error) {
	if !strings.HasPrefix(rest, "[") {
		return rest, nil
	}
	place, image, _ := strings.Cut(rest[1:], "]")
	_, place, _ = strings.Cut(place, "@")
	root, _, _ := strings.Cut(place, "+")
	if root == c.Store.GraphRoot() {
		return image, nil
	}
	return "", fmt.Errorf("the image is in another store: name that with --root %q, or pull the image from there first", root)
}
