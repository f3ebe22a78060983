package main

import (
	"fmt"
	"os"

	"github.com/projectatomic/buildah/internal/secrets"
	"github.com/projectatomic/buildah/internal/sshagent"
)

// secretFlags name what mounts of secrets and ssh agents may ask for.
type secretFlags struct {
	secrets []secrets.Spec
	agents  []secrets.AgentSpec
}

func (f *secretFlags) options() []*option {
	return []*option{
		newOption("secret", "id=ID[,src=FILE|,env=NAME]", "secret that mounts of type=secret may ask for", func(s string) error {
			spec, err := secrets.Parse(s)
			f.secrets = append(f.secrets, spec)
			return err
		}),
		newOption("ssh", "default|ID[=SOCKET|KEY,...]", "ssh agent that mounts of type=ssh may ask for", func(s string) error {
			spec, err := secrets.ParseAgent(s)
			f.agents = append(f.agents, spec)
			return err
		}),
	}
}

// settle reads the secrets and the keys. A key of no use is found before any work.
func (f *secretFlags) settle() (secrets.Given, error) {
	given, err := secrets.Load(f.secrets, f.agents, os.LookupEnv)
	if err != nil {
		return given, err
	}
	for id, agent := range given.Agents {
		if _, err := sshagent.Open(agent); err != nil {
			return given, fmt.Errorf("could not parse ssh: agent %q: %w", id, err)
		}
	}
	return given, nil
}
