package userns

import (
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"

	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/unshare"
)

// Session is a user and mount namespace to be made.
type Session struct {
	UIDMap, GIDMap []specs.LinuxIDMapping
	Helpers        bool     // newuidmap and newgidmap write the maps, as we may not
	Alone          bool     // one user without further ids: the kernel wants groups to stay as they are
	Env            []string // of what runs in it

	process Process // that wants it
}

// NewSession plans the namespace for a process with an environment. notice, if it is
// not empty, says in one line why there is only one id in it, and what would help.
func NewSession(p Process, env []string) (s Session, notice string, err error) {
	s = Session{Env: sessionEnv(p, env), process: p}
	if p.UID == 0 && !p.SysAdmin { // the same ids again; only rights are gained
		s.UIDMap, s.GIDMap, err = unshare.GetHostIDMappings("")
		if err != nil {
			return s, "", fmt.Errorf("reading our id maps: %w", err)
		}
		identity(s.UIDMap)
		identity(s.GIDMap)
		return s, "", nil
	}
	r, err := findRanges(p)
	if err != nil {
		return s, "", err
	}
	if p.UID == 0 {
		s.UIDMap, s.GIDMap = Map(p.UID, r.users), Map(p.GID, r.groups)
		return s, r.missing(), nil
	}
	obstacle, found := r.obstacle(p)
	if found {
		s.UIDMap, s.GIDMap, s.Alone = Map(p.UID, nil), Map(p.GID, nil), true
		return s, "all files belong to one user, as " + obstacle.String(), nil
	}
	for _, program := range []string{newUIDMap, newGIDMap} {
		if _, err := exec.LookPath(program); err != nil {
			return s, "", fmt.Errorf("finding the program %q, which maps the ids of a user (install the package \"uidmap\"): %w", program, err)
		}
	}
	s.UIDMap, s.GIDMap, s.Helpers = Map(p.UID, r.users), Map(p.GID, r.groups), true
	return s, "", nil
}

// The programs that map more ids than one for an ordinary user.
const newUIDMap, newGIDMap = "newuidmap", "newgidmap"

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
