package main

import (
	"os"
	"path/filepath"
	"strconv"

	"go.podman.io/storage/pkg/homedir"

	"github.com/projectatomic/buildah/internal/transfer"
	"github.com/projectatomic/buildah/internal/userns"
)

// registrySystem says where settings about registries are.
func (p *program) registrySystem() transfer.System {
	return transfer.System{
		RegistriesConf: p.global.registriesConf, RegistriesConfDir: p.global.registriesConfDir,
		ShortNameAliases: p.global.shortNameAliases, UserAgent: "Buildah/" + programVersion,
		DockerHost: p.env("DOCKER_HOST"), DockerCertDir: p.env("DOCKER_CERT_PATH"), AuthFiles: p.authFiles(),
	}
}

// authFiles are the files with credentials, in the order in which they are read. The
// first one is written.
func (p *program) authFiles() []string {
	runtime := p.env("XDG_RUNTIME_DIR")
	own := filepath.Join(runtime, "containers/auth.json")
	if runtime == "" {
		own = filepath.Join("/run/containers", strconv.Itoa(os.Getuid()), "auth.json")
	}
	config := p.env("XDG_CONFIG_HOME")
	if config == "" {
		config = filepath.Join(homedir.Get(), ".config")
	}
	return []string{own, filepath.Join(config, "containers/auth.json"), filepath.Join(homedir.Get(), ".docker/config.json")}
}

// loginClient is a client without a store.
func (p *program) loginClient() (*transfer.Client, error) {
	process, err := userns.Current(p.env)
	if err != nil {
		return nil, err
	}
	if err := p.exportRuntimeDir(process); err != nil {
		return nil, err
	}
	return &transfer.Client{System: p.registrySystem()}, nil
}

// exportRuntimeDir gives an ordinary user without XDG_RUNTIME_DIR a directory of
// that kind, the same one for what runs in a user namespace of its own and for what
// does not: credentials are kept there.
func (p *program) exportRuntimeDir(process userns.Process) error {
	if process.UID == 0 || p.env("XDG_RUNTIME_DIR") != "" {
		return nil
	}
	dir, err := homedir.GetRuntimeDir()
	if err != nil {
		return nil //nolint:nilerr // whoever needs one says what is wrong
	}
	return os.Setenv("XDG_RUNTIME_DIR", dir)
}
