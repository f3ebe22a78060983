package main

import (
	"net"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// userSystemd tells whether a user's own systemd can make cgroups for us: with
// cgroups of version 2, and a session bus to ask it over, which there is after a login but
// not after `su`.
func userSystemd(env func(string) string) bool {
	var fs unix.Statfs_t
	if err := unix.Statfs("/sys/fs/cgroup", &fs); err != nil || int64(fs.Type) != unix.CGROUP2_SUPER_MAGIC { //nolint:unconvert // its type depends on the machine
		return false
	}
	return sessionBus(env)
}

// sessionBus tells whether somebody answers at the user's bus.
func sessionBus(env func(string) string) bool {
	address := env("DBUS_SESSION_BUS_ADDRESS")
	if address == "" {
		dir := env("XDG_RUNTIME_DIR")
		if dir == "" {
			return false
		}
		address = "unix:path=" + filepath.Join(dir, "bus")
	}
	// A list of transport:key=value,...; the first one counts.
	address, _, _ = strings.Cut(address, ";")
	transport, pairs, _ := strings.Cut(address, ":")
	for pair := range strings.SplitSeq(pairs, ",") {
		name, found := strings.CutPrefix(pair, "path=")
		if abstract, ok := strings.CutPrefix(pair, "abstract="); ok {
			name, found = "@"+abstract, true
		}
		if transport != "unix" || !found {
			continue
		}
		conn, err := net.DialTimeout("unix", name, time.Second) //nolint:noctx // it is over in a second
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	}
	return false
}
