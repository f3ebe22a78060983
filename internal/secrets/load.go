package secrets

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Limits of what is read.
const (
	MaxSecret = 16 << 20 // bytes of one secret
	maxKey    = 1 << 20  // bytes of one private key
)

// Given are the secrets and agents of one command line, by their IDs. The zero
// value has none.
type Given struct {
	Secrets map[string][]byte
	Agents  map[string]Agent
}

// Agent is where an ssh agent gets its keys from: a socket of another agent, or
// private keys as they are in files.
type Agent struct {
	Socket string // absolute, or relative to the current directory
	Keys   []Key
}

// Key is the content of a private key file.
type Key struct {
	Path string // for messages
	Data []byte
}

// Lookup finds a variable of the caller.
type Lookup func(name string) (value string, ok bool)

// Load reads secrets and agents. The last of several with the same ID counts.
func Load(list []Spec, agents []AgentSpec, lookup Lookup) (Given, error) {
	g := Given{Secrets: map[string][]byte{}, Agents: map[string]Agent{}}
	for _, s := range list {
		data, err := s.load(lookup)
		if err != nil {
			return Given{}, fmt.Errorf("could not parse secrets: secret %q: %w", s.ID, err)
		}
		g.Secrets[s.ID] = data
	}
	for _, a := range agents {
		agent, err := a.load(lookup)
		if err != nil {
			return Given{}, fmt.Errorf("could not parse ssh: agent %q: %w", a.ID, err)
		}
		g.Agents[a.ID] = agent
	}
	return g, nil
}

func (s Spec) load(lookup Lookup) ([]byte, error) {
	name, file := s.Env, s.File
	if name == "" && file == "" {
		if value, ok := lookup(s.ID); ok {
			return limited([]byte(value))
		}
		file = s.ID
	}
	if name != "" {
		value, ok := lookup(name)
		if !ok {
			return nil, fmt.Errorf("the variable %q is not set", name)
		}
		return limited([]byte(value))
	}
	return readFile(file, MaxSecret)
}

func limited(data []byte) ([]byte, error) {
	if len(data) > MaxSecret {
		return nil, fmt.Errorf("it has more than %d bytes", MaxSecret)
	}
	return data, nil
}

// readFile reads a file, or a pipe: <(command) is a usual way to name a secret.
func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, &fs.PathError{Op: "read", Path: path, Err: unix.EISDIR}
	}
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > limit {
		return nil, fmt.Errorf("%q has more than %d bytes", path, limit)
	}
	return data, nil
}

func (a AgentSpec) load(lookup Lookup) (Agent, error) {
	if len(a.Paths) == 0 {
		socket, ok := lookup("SSH_AUTH_SOCK")
		if !ok || socket == "" {
			return Agent{}, errors.New("SSH_AUTH_SOCK not set in environment: start an agent, or name a private key with --ssh " + a.ID + "=FILE")
		}
		return Agent{Socket: socket}, nil
	}
	var agent Agent
	for _, path := range a.Paths {
		info, err := os.Stat(path)
		switch {
		case err != nil:
			return agent, err
		case info.Mode()&fs.ModeSocket == 0:
			data, err := readFile(path, maxKey)
			if err != nil {
				return agent, err
			}
			agent.Keys = append(agent.Keys, Key{Path: path, Data: data})
		case agent.Socket != "":
			return agent, errors.New("only one socket is allowed")
		default:
			agent.Socket = path
		}
	}
	if agent.Socket != "" && len(agent.Keys) > 0 {
		return agent, errors.New("cannot mix keys and socket file")
	}
	return agent, nil
}
