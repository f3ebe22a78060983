package builder

// networkChoice is what the network of a run turned out to be.
type networkChoice struct {
	host       bool
	path       string // a namespace to join
	configured bool   // we set it up
	managed    bool   // hosts and resolv.conf are ours to write
}

// chooseNetwork decides between the host's network, none and one to join. A
// private network needs set-up that this version lacks: it falls back to the
// host's, and says so once where it was asked for.
func (x *execution) chooseNetwork() networkChoice {
	n := x.namespace("network")
	policy := x.o.Network
	if policy == NetworkDefault {
		policy = x.record.ConfigureNetwork
	}
	switch {
	case n.Path != "":
		return networkChoice{path: n.Path, managed: true}
	case n.Host:
		return networkChoice{host: true, managed: true}
	case policy == NetworkDisabled:
		return networkChoice{}
	case x.isolation != IsolationChroot && policy == NetworkEnabled:
		x.engine.networkWarning.Do(func() {
			x.engine.warn("a private network is not supported in this version: using the host's (--network host says so without this warning)")
		})
	}
	return networkChoice{host: true, managed: true}
}
