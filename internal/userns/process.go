package userns

import (
	"bytes"
	"fmt"
	"os"
	"strconv"

	"github.com/moby/sys/capability"
)

// Names of the variables by which a re-executed process knows what it is. Other
// tools of the family set and read them too.
const (
	ConfiguredEnv = "_CONTAINERS_USERNS_CONFIGURED"
	UIDEnv        = "_CONTAINERS_ROOTLESS_UID"
	GIDEnv        = "_CONTAINERS_ROOTLESS_GID"
	IsolationEnv  = "BUILDAH_ISOLATION"
)

// Process is what decides how we are allowed to work.
type Process struct {
	UID, GID int                 // effective, in our own user namespace
	Getenv   func(string) string // the environment; nil is an empty one
	SysAdmin bool                // we have CAP_SYS_ADMIN
	FullMap  bool                // our user namespace maps all ids, as the first one does
	SingleID bool                // our user namespace maps one user only

	NoNewPrivs bool // no program that we start gains rights, set-user-ID or not
	Filtered   bool // a seccomp filter is on us

	bounding uint64 // bit n is capability n
}

// Current describes this process.
func Current(getenv func(string) string) (Process, error) {
	p := Process{UID: os.Geteuid(), GID: os.Getegid(), Getenv: getenv}
	own, err := capability.NewPid2(0)
	if err == nil {
		err = own.Load()
	}
	if err != nil {
		return p, fmt.Errorf("reading our capabilities: %w", err)
	}
	p.SysAdmin = own.Get(capability.EFFECTIVE, capability.CAP_SYS_ADMIN)
	for _, known := range capability.ListKnown() {
		if own.Get(capability.BOUNDING, known) {
			p.bounding |= 1 << known
		}
	}
	if err := p.readStatus(); err != nil {
		return p, err
	}
	ids, err := os.ReadFile("/proc/self/uid_map")
	if err != nil {
		return p, fmt.Errorf("reading our map of user ids: %w", err)
	}
	// The kernel maps no range that starts at the last id, so this number can
	// only be the size of a map of everything.
	p.FullMap = bytes.Contains(ids, []byte("4294967295"))
	fields := bytes.Fields(ids)
	p.SingleID = len(fields) == 3 && string(fields[2]) == "1"
	return p, nil
}

// Bounded tells whether a capability is within what we and our children may ever have.
func (p Process) Bounded(c capability.Cap) bool { return p.bounding&(1<<c) != 0 }

func (p *Process) readStatus() error {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return fmt.Errorf("reading our own state: %w", err)
	}
	for line := range bytes.Lines(data) {
		key, value, _ := bytes.Cut(line, []byte(":"))
		is := string(bytes.TrimSpace(value))
		switch string(key) {
		case "NoNewPrivs":
			p.NoNewPrivs = is == "1"
		case "Seccomp":
			p.Filtered = is == "2"
		}
	}
	return nil
}

func (p Process) env(name string) string {
	if p.Getenv == nil {
		return ""
	}
	return p.Getenv(name)
}

// InvokingUID is the user who started the first of us, outside of any namespace
// of ours.
func (p Process) InvokingUID() int {
	return p.invoking(UIDEnv, p.UID)
}

// InvokingGID is the group of InvokingUID's user.
func (p Process) InvokingGID() int {
	return p.invoking(GIDEnv, p.GID)
}

func (p Process) invoking(name string, own int) int {
	if id, err := strconv.Atoi(p.env(name)); err == nil && id >= 0 {
		return id
	}
	return own
}

// Rootless tells whether we have less than all rights on this machine.
func (p Process) Rootless() bool {
	return p.InvokingUID() != 0 || p.env(ConfiguredEnv) != "" || !p.SysAdmin || !p.FullMap
}

// InSession tells whether we have been re-executed in a user namespace already.
func (p Process) InSession() bool {
	return p.env(ConfiguredEnv) != "" || p.UID == 0 && p.InvokingUID() != 0
}

// NeedsSession tells whether we have to be re-executed to be able to mount.
func (p Process) NeedsSession() bool {
	return !p.InSession() && (p.UID != 0 || !p.SysAdmin)
}
