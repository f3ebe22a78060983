package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.podman.io/storage/pkg/lockfile"
)

// netavarkPlan is a connection to networks of the machine.
type netavarkPlan struct {
	Program   string          `json:"program"`
	Aardvark  string          `json:"aardvark"` // the name server of networks that have one
	RunDir    string          `json:"runDir"`   // of netavark and of the addresses in use
	Locks     []string        `json:"locks"`    // what other programs hold while they change networks
	Plugins   []string        `json:"plugins,omitempty"`
	Env       []string        `json:"env"`
	Container string          `json:"container"` // its name, by which name servers know it
	Networks  []Definition    `json:"networks"`
	Document  json.RawMessage `json:"document,omitempty"` // what netavark was given, once it was
}

// named tells whether the container can be found by its name in one of the networks.
func (p *netavarkPlan) named() bool {
	return slices.ContainsFunc(p.Networks, func(n Definition) bool { return n.DNS })
}

// netavark connects to networks of the machine.
type netavark struct {
	*netavarkPlan
	id string // of the namespace, which has the addresses
}

func (n netavark) leases() leases { return leases{filepath.Join(n.RunDir, leaseFile)} }

func (n netavark) connect(ctx context.Context, k *keeper) (c Connection, err error) {
	v, err := n.version(ctx, k.state.dir)
	if err != nil {
		return c, err
	}
	if err := v.supports(n.Networks); err != nil {
		return c, err
	}
	unlock, err := lockNetworks(n.Locks)
	if err != nil {
		return c, err
	}
	defer unlock()
	ips, err := n.leases().take(n.id, n.Networks)
	if err != nil {
		return c, fmt.Errorf("choosing an address: %w", err)
	}
	if n.Document, err = compose(v, n.id, n.Container, n.Networks, ips); err != nil {
		return c, err
	}
	if err := k.record(); err != nil {
		return c, err
	}
	out, err := n.call(ctx, k.state.dir, "setup", k.space.path())
	if err != nil {
		return c, err
	}
	c, err = parseReply(out, n.Networks)
	c.Kind = Netavark
	return c, err
}

func (n netavark) disconnect(ctx context.Context, k *keeper) error {
	return n.takeDown(ctx, k.state.dir, k.space, false)
}

// clean connects another namespace in the place of the one that is gone: netavark
// undoes what it did to the machine only together with a namespace.
func (n netavark) clean(ctx context.Context, dir string) error {
	if n.Document == nil {
		return n.leases().give(n.id)
	}
	s, err := newSpace(IDMaps{})
	if err != nil {
		return err
	}
	defer s.close()
	return n.takeDown(ctx, dir, s, true)
}

// takeDown disconnects and frees the addresses.
func (n netavark) takeDown(ctx context.Context, dir string, s space, again bool) error {
	var errs []error
	if n.Document != nil {
		unlock, err := lockNetworks(n.Locks)
		if err != nil {
			return err
		}
		defer unlock()
		if again {
			_, err := n.call(ctx, dir, "setup", s.path())
			errs = append(errs, err)
		}
		_, err = n.call(ctx, dir, "teardown", s.path())
		errs = append(errs, err)
	}
	return errors.Join(append(errs, n.leases().give(n.id))...)
}

// version asks the program for it.
func (n netavark) version(ctx context.Context, dir string) (version, error) {
	out, said, err := call(ctx, place{dir, n.Env}, nil, n.Program, "--version")
	if err != nil {
		return version{}, failed("netavark", said, err)
	}
	return parseVersion(string(out))
}

// call has the document carried out. Errors come as a text on stdout.
func (n netavark) call(ctx context.Context, dir, verb, path string) ([]byte, error) {
	if err := os.MkdirAll(n.RunDir, 0o755); err != nil { //nolint:gosec // as podman makes it
		return nil, fmt.Errorf("making the directory of networks: %w", err)
	}
	argv := []string{n.Program, "--config", n.RunDir, "--rootless=false", "--aardvark-binary=" + n.Aardvark}
	if slices.ContainsFunc(n.Networks, Definition.plugin) {
		for _, dir := range n.Plugins {
			argv = append(argv, "--plugin-directory", dir)
		}
	}
	out, said, err := call(ctx, place{dir, n.Env}, n.Document, append(argv, verb, path)...)
	if err == nil {
		return out, nil
	}
	var reason struct {
		Error string `json:"error"`
	}
	if json.Unmarshal(out, &reason) == nil && reason.Error != "" {
		said = strings.Join(strings.Fields(reason.Error), " ")
	}
	return nil, failed("netavark "+verb, said, err)
}

// lockNetworks waits until no other program changes the networks of the machine.
func lockNetworks(names []string) (unlock func(), err error) {
	var held []*lockfile.LockFile
	unlock = func() {
		for _, l := range slices.Backward(held) {
			l.Unlock()
		}
	}
	for _, name := range names {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil { //nolint:gosec // a directory for all
			unlock()
			return nil, fmt.Errorf("locking the networks: %w", err)
		}
		l, err := lockfile.GetLockFile(name)
		if err != nil {
			unlock()
			return nil, fmt.Errorf("locking the networks: %w", err)
		}
		l.Lock()
		held = append(held, l)
	}
	return unlock, nil
}
