package builder

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/selinux/go-selinux/label"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/mountflag"
	"github.com/projectatomic/buildah/internal/sshagent"
)

// keyAttributes are those of the mounts of secrets and agents.
var keyAttributes = []string{"bind", "ro", "nosuid", "nodev", "rprivate"}

// secret takes a secret: a file that is in memory and that only this run sees, or a
// variable, or both.
func (m *mounting) secret(mf mountflag.Mount) error {
	data, ok := m.o.Mounts.Keys.Secrets[mf.Key.ID]
	switch {
	case !ok && mf.Key.Required:
		return fmt.Errorf("secret required but no secret with id %q found", mf.Key.ID)
	case !ok:
		return nil
	}
	if mf.Key.Env != "" {
		if err := m.secretVariable(mf.Key.Env, data); err != nil {
			return fmt.Errorf("secret %q as the variable %q: %w", mf.Key.ID, mf.Key.Env, err)
		}
	}
	if mf.Target == "" {
		return nil
	}
	at, err := m.keyPlace()
	if err != nil {
		return err
	}
	if err := os.WriteFile(at, data, 0o600); err != nil {
		return fmt.Errorf("writing the secret %q into memory: %w", mf.Key.ID, err)
	}
	return m.handOver(at, mf)
}

// maxVariable is what the kernel takes of one variable, with its name and its end.
const maxVariable = 128 << 10

func (m *mounting) secretVariable(name string, data []byte) error {
	const instead = ": mount it as a file"
	switch {
	case strings.ContainsRune(string(data), 0), !utf8.Valid(data):
		return errors.New("it is not text" + instead)
	case len(name)+len(data)+2 > maxVariable:
		return fmt.Errorf("it has more than %d bytes"+instead, maxVariable)
	}
	if _, err := m.memory(); err != nil {
		return err
	}
	m.confidential = true
	m.keyEnv = append(m.keyEnv, name+"="+string(data))
	return nil
}

// keyPlace is the name of a new file in memory.
func (m *mounting) keyPlace() (string, error) {
	dir, err := m.memory()
	if err != nil {
		return "", err
	}
	m.keys++
	return filepath.Join(dir, "key-"+strconv.Itoa(m.keys)), nil
}

// handOver gives a file to the user who may read it, and mounts it.
func (m *mounting) handOver(at string, mf mountflag.Mount) error {
	uid, gid := mf.Key.UID, mf.Key.GID
	if uid == mountflag.StepUser {
		uid = int(m.user.UID)
	}
	if gid == mountflag.StepUser {
		gid = int(m.user.GID)
	}
	owner, err := m.onDisk(uid, gid)
	if err != nil {
		return err
	}
	if err := os.Lchown(at, owner.UID, owner.GID); err != nil {
		return fmt.Errorf("giving it to the user %d:%d: %w", uid, gid, err)
	}
	if err := unix.Chmod(at, mf.Key.Mode); err != nil { // as it was typed: os.Chmod has other bits
		return err
	}
	if err := label.Relabel(at, m.record.MountLabel, false); err != nil {
		return fmt.Errorf("relabelling: %w", err)
	}
	return m.take(specs.Mount{Destination: mf.Target, Type: "bind", Source: at, Options: keyAttributes})
}

// ssh takes an agent: a socket that we listen on for as long as the command runs.
func (m *mounting) ssh(mf mountflag.Mount) error {
	from, ok := m.o.Mounts.Keys.Agents[mf.Key.ID]
	switch {
	case !ok && mf.Key.Required:
		return fmt.Errorf("ssh required but no ssh with id %s found", mf.Key.ID)
	case !ok:
		return nil
	}
	if mf.Target == "" {
		mf.Target = "/run/buildkit/ssh_agent." + strconv.Itoa(m.agents)
	}
	source, err := sshagent.Open(from)
	if err != nil {
		return err
	}
	at, err := m.keyPlace()
	if err != nil {
		return err
	}
	listener, err := listenAt(at)
	if err != nil {
		return fmt.Errorf("listening as the ssh agent %q: %w", mf.Key.ID, err)
	}
	m.undo = append(m.undo, sshagent.Serve(listener, source).Close)
	if m.agents == 0 {
		m.keyEnv = append(m.keyEnv, "SSH_AUTH_SOCK="+mf.Target)
	}
	m.agents++
	return m.handOver(at, mf)
}

// listenAt makes a socket. The name of one may have 107 bytes at most, so the
// directory is named by a descriptor.
func listenAt(at string) (net.Listener, error) {
	dir, err := openHostSource(filepath.Dir(at), false)
	if err != nil {
		return nil, err
	}
	defer dir.Close()
	name := filepath.Join(fdPath(dir), filepath.Base(at))
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // by that name it is another file then
	return l, nil
}
