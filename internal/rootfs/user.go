// Package rootfs reads and prepares a mounted root file system for a run: who a
// user is by its own passwd and group files, where a command is, what its
// /etc/hosts and /etc/resolv.conf say, and the files and directories that mounts
// need to stand on, which leave no trace.
package rootfs

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/copier"
)

// User is who a process is to be.
type User struct {
	UID, GID uint32
	Groups   []uint32 // supplementary groups; the primary one comes first when there are any
	Home     string   // absolute; "/" if passwd says nothing
	Name     string   // "" if passwd does not know the UID
}

// databaseLimit bounds passwd and group: large sites have some 100,000 lines.
const databaseLimit = 16 << 20

// ResolveUser finds out who user[:group] is, each a name or a number, by the
// passwd and group files of the root; "" is root. Numbers need not be in the
// files, names do. Membership in groups counts unless a group is given.
func ResolveUser(root *copier.Root, spec string) (User, error) {
	name, group, hasGroup := strings.Cut(spec, ":")
	accounts, err := readDatabase(root, "/etc/passwd", 7)
	if err != nil {
		return User{}, fmt.Errorf("looking up user %q: %w", spec, err)
	}
	u, err := findUser(accounts, name)
	if err != nil {
		return User{}, fmt.Errorf("looking up user %q: %w", spec, err)
	}
	if hasGroup && group == "" {
		return u, nil
	}
	groups, err := readDatabase(root, "/etc/group", 4)
	if err != nil {
		return User{}, fmt.Errorf("looking up user %q: %w", spec, err)
	}
	if !hasGroup {
		u.Groups = memberships(groups, u)
		return u, nil
	}
	if u.GID, err = findGroup(groups, group); err != nil {
		return User{}, fmt.Errorf("looking up user %q: %w", spec, err)
	}
	return u, nil
}

// ResolveOwner finds out the owner that user[:group] means for files.
func ResolveOwner(root *copier.Root, spec string) (copier.Owner, error) {
	u, err := ResolveUser(root, spec)
	if err != nil {
		return copier.Owner{}, err
	}
	return copier.Owner{UID: int(u.UID), GID: int(u.GID)}, nil
}

// account is a line of passwd or group whose number was understood.
type account struct {
	name   string
	id     uint32 // UID or GID
	fields []string
}

// readDatabase reads the lines that have the right number of fields and numbers
// where there must be; others are skipped. A missing file is an empty one.
func readDatabase(root *copier.Root, file string, fields int) ([]account, error) {
	data, err := root.ReadFile(file, databaseLimit)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var all []account
	for line := range strings.Lines(string(data)) {
		line = strings.TrimRight(line, "\r\n")
		f := strings.Split(line, ":")
		if len(f) != fields || f[0] == "" || line[0] == '#' {
			continue
		}
		id, err := parseID(f[2])
		if err != nil {
			continue
		}
		all = append(all, account{name: f[0], id: id, fields: f})
	}
	return all, nil
}

func parseID(text string) (uint32, error) {
	id, err := strconv.ParseUint(text, 10, 32)
	return uint32(id), err
}

func findUser(accounts []account, name string) (User, error) {
	number := uint32(0)
	byName := false
	if name != "" {
		id, err := parseID(name)
		number, byName = id, err != nil
	}
	for _, a := range accounts {
		gid, err := parseID(a.fields[3])
		if err != nil {
			continue
		}
		if (byName && a.name == name) || (!byName && a.id == number) {
			u := User{UID: a.id, GID: gid, Home: a.fields[5], Name: a.name}
			if !strings.HasPrefix(u.Home, "/") {
				u.Home = "/"
			}
			return u, nil
		}
	}
	if byName {
		return User{}, fmt.Errorf("%q is not in the container's /etc/passwd", name)
	}
	return User{UID: number, Home: "/"}, nil
}

func findGroup(groups []account, name string) (uint32, error) {
	if gid, err := parseID(name); err == nil {
		return gid, nil
	}
	for _, g := range groups {
		if g.name == name {
			return g.id, nil
		}
	}
	return 0, fmt.Errorf("%q is not in the container's /etc/group", name)
}

// memberships lists the primary group and those that name the user as a member.
func memberships(groups []account, u User) []uint32 {
	all := []uint32{u.GID}
	if u.Name == "" {
		return all
	}
	for _, g := range groups {
		if slices.Contains(strings.Split(g.fields[3], ","), u.Name) && !slices.Contains(all, g.id) {
			all = append(all, g.id)
		}
	}
	return all
}
