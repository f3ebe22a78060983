package userns

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/unshare"
)

// Session is a user and mount namespace to be made.
type Session struct {
	UIDMap, GIDMap []specs.LinuxIDMapping
	Helpers        bool     // newuidmap and newgidmap write the maps, as we may not
	Env            []string // of what runs in it
}

// NewSession plans the namespace for a process with an environment. The
// warnings say what will not work in it.
func NewSession(p Process, env []string) (Session, []string, error) {
	s := Session{Env: sessionEnv(p, env)}
	name := strconv.Itoa(p.UID)
	if u, err := user.LookupUid(p.UID); err == nil {
		name = u.Name
	}
	if p.UID == 0 && !p.SysAdmin { // the same ids again; only rights are gained
		var err error
		s.UIDMap, s.GIDMap, err = unshare.GetHostIDMappings("")
		if err != nil {
			return s, nil, fmt.Errorf("reading our id maps: %w", err)
		}
		identity(s.UIDMap)
		identity(s.GIDMap)
		return s, nil, nil
	}
	var warnings []string
	uids, err := readRanges("/etc/subuid", name, p.UID)
	if err != nil {
		return s, nil, err
	}
	gids, err := readRanges("/etc/subgid", name, p.UID)
	if err != nil {
		return s, nil, err
	}
	if len(uids) == 0 {
		warnings = append(warnings, fmt.Sprintf("no range of user ids is set aside for %q in /etc/subuid", name))
	}
	if len(gids) == 0 {
		warnings = append(warnings, fmt.Sprintf("no range of group ids is set aside for %q in /etc/subgid", name))
	}
	s.UIDMap, s.GIDMap = Map(p.UID, uids), Map(p.GID, gids)
	if s.Helpers = p.UID != 0; s.Helpers {
		for _, program := range []string{"newuidmap", "newgidmap"} {
			if _, err := exec.LookPath(program); err != nil {
				return s, warnings, fmt.Errorf("finding the program %q, which maps the ids of a user (install the package \"uidmap\"): %w", program, err)
			}
		}
	}
	return s, warnings, nil
}

func identity(maps []specs.LinuxIDMapping) {
	for i := range maps {
		maps[i].HostID = maps[i].ContainerID
	}
}

// sessionEnv is the environment inside: it says what was done, so that nobody
// does it again.
func sessionEnv(p Process, env []string) []string {
	result := slices.DeleteFunc(slices.Clone(env), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == ConfiguredEnv || name == UIDEnv || name == GIDEnv
	})
	result = append(result,
		ConfiguredEnv+"=done",
		UIDEnv+"="+strconv.Itoa(p.InvokingUID()),
		GIDEnv+"="+strconv.Itoa(p.InvokingGID()))
	if p.env(IsolationEnv) == "" {
		result = append(result, IsolationEnv+"=rootless")
	}
	return result
}
