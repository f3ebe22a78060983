package userns

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/moby/sys/capability"
	"github.com/moby/sys/user"
	"github.com/opencontainers/runtime-spec/specs-go"
	"go.podman.io/storage/pkg/unshare"
)

// Obstacle is what keeps us from ids or rights, and what takes it away.
type Obstacle struct {
	What   string // a clause, such as "user namespaces are switched off"
	Remedy string // what to type, or to write into the specification of a pod
}

func (o Obstacle) String() string { return o.What + ": " + o.Remedy }

// RefusedError says that the kernel, or what confines us, refused a user namespace.
type RefusedError struct {
	Obstacles []Obstacle // the likely reasons
	cause     error
}

func (e *RefusedError) Error() string { return "entering a user namespace: " + e.cause.Error() }
func (e *RefusedError) Unwrap() error { return e.cause }

// ranges are what is set aside for a user.
type ranges struct {
	name          string
	users, groups []Range
}

// findRanges finds the ranges of the user who runs us, as far as our own namespace has them.
func findRanges(p Process) (r ranges, err error) {
	r.name = strconv.Itoa(p.UID)
	if u, err := user.LookupUid(p.UID); err == nil {
		r.name = u.Name
	}
	for _, side := range []struct {
		file, own string
		ranges    *[]Range
	}{{"/etc/subuid", "/proc/self/uid_map", &r.users}, {"/etc/subgid", "/proc/self/gid_map", &r.groups}} {
		all, err := readRanges(side.file, r.name, p.UID)
		if err != nil {
			return r, err
		}
		own, err := OwnMap(side.own)
		if err != nil {
			return r, err
		}
		*side.ranges = Within(all, own)
	}
	return r, nil
}

// Within leaves of ranges what a namespace with these maps has at all.
func Within(all []Range, own []specs.LinuxIDMapping) []Range {
	same := make([]specs.LinuxIDMapping, len(own))
	for i, m := range own {
		same[i] = specs.LinuxIDMapping{ContainerID: m.ContainerID, HostID: m.ContainerID, Size: m.Size}
	}
	return Inside(all, same)
}

// missing says what is not set aside, "" if both are.
func (r ranges) missing() string {
	var files []string
	if len(r.users) == 0 {
		files = append(files, "/etc/subuid")
	}
	if len(r.groups) == 0 {
		files = append(files, "/etc/subgid")
	}
	if len(files) == 0 {
		return ""
	}
	return Obstacle{
		fmt.Sprintf("there are no further ids for %q in %s", r.name, strings.Join(files, " and ")),
		fmt.Sprintf("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 %s", r.name),
	}.String()
}

// obstacle is why the user cannot have more ids than one.
func (r ranges) obstacle(p Process) (Obstacle, bool) {
	if text := r.missing(); text != "" {
		what, remedy, _ := strings.Cut(text, ": ")
		return Obstacle{what, remedy}, true
	}
	return helperObstacle(p)
}

// helperObstacle is why newuidmap could not do what it is there for: it gets its
// rights when it is executed, which can be forbidden.
func helperObstacle(p Process) (Obstacle, bool) {
	switch {
	case p.NoNewPrivs:
		return Obstacle{"no program may gain rights here, newuidmap neither", "allow it with \"allowPrivilegeEscalation: true\" in the securityContext of the pod, or without --security-opt no-new-privileges"}, true
	case !p.Bounded(capability.CAP_SETUID) || !p.Bounded(capability.CAP_SETGID):
		return Obstacle{"newuidmap cannot have the capabilities SETUID and SETGID here", "add them with \"capabilities: {add: [SETUID, SETGID]}\" in the securityContext of the pod, or --cap-add SETUID,SETGID"}, true
	}
	path, err := exec.LookPath(newUIDMap)
	if err != nil {
		return Obstacle{}, false // which is an error: what is set aside shall be used
	}
	if ok, err := unshare.IsSetID(path, os.ModeSetuid, capability.CAP_SETUID); err == nil && !ok {
		return Obstacle{fmt.Sprintf("the program %q has lost its rights", path), fmt.Sprintf("chmod u+s %s, and the same for %s", path, newGIDMap)}, true
	}
	return Obstacle{}, false
}

// Obstacles are the likely reasons for a refused user namespace, the surest first.
func Obstacles(p Process) []Obstacle {
	var all []Obstacle
	if sysctl("user/max_user_namespaces") == "0" {
		all = append(all, Obstacle{"user namespaces are switched off", "on the host: sysctl -w user.max_user_namespaces=15000"})
	}
	if p.UID != 0 && sysctl("kernel/unprivileged_userns_clone") == "0" {
		all = append(all, Obstacle{"user namespaces are for root only", "on the host: sysctl -w kernel.unprivileged_userns_clone=1"})
	}
	if p.UID != 0 && sysctl("kernel/apparmor_restrict_unprivileged_userns") == "1" {
		all = append(all, Obstacle{
			"AppArmor takes the rights of user namespaces away",
			"on the host, load a profile for our path that has \"userns,\", or: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
		})
	}
	complete := p.Bounded(capability.CAP_SETFCAP) && p.Bounded(capability.CAP_SETUID) && p.Bounded(capability.CAP_SETGID)
	if p.UID == 0 && !p.SysAdmin && !complete {
		all = append(all, Obstacle{
			"root lacks the capabilities SETFCAP, SETUID or SETGID, without which it has no user namespace",
			"add \"capabilities: {add: [SETFCAP, SETUID, SETGID]}\" to the securityContext of the pod, or --cap-add SETFCAP,SETUID,SETGID",
		})
	}
	if p.Filtered && !p.SysAdmin {
		all = append(all, Obstacle{
			"the seccomp profile around us may forbid unshare, clone and mount",
			"use \"seccompProfile: {type: Unconfined}\" or a Localhost profile in the securityContext of the pod, or --security-opt seccomp=unconfined",
		})
	}
	return all
}

func sysctl(name string) string {
	data, err := os.ReadFile("/proc/sys/" + name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}
