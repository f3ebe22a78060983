package builder

import (
	"context"
	"fmt"

	"github.com/projectatomic/buildah/internal/network"
)

// ProbeNetwork connects a network namespace, and takes it down again, to say how a
// private network is connected here. against says what is wrong with the ways that
// would have come before it; without any, the way is "host".
func (e *Engine) ProbeNetwork(ctx context.Context) (way string, against []string) {
	kinds := []network.Kind{network.Netavark, network.Pasta}
	if e.Host.Rootless {
		kinds = []network.Kind{network.Pasta, network.Slirp}
	}
	for _, kind := range kinds {
		request := network.Request{Choice: network.Choice{Kind: kind}, Container: "probe"}
		n, err := e.networks.get(e).Get(ctx, request)
		if err == nil {
			err = n.Release(false)
		}
		if err == nil {
			return string(kind), against
		}
		against = append(against, fmt.Sprintf("%s: %v", kind, err))
	}
	return "host", against
}
