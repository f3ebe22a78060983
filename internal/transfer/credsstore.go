package transfer

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	helperclient "github.com/docker/docker-credential-helpers/client"
	helpercredentials "github.com/docker/docker-credential-helpers/credentials"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/docker/config"
	"go.podman.io/image/v5/types"
)

// credentialsLimit is the most that a file of credentials may have, in bytes.
const credentialsLimit = 1 << 20

// hubKey is how docker calls its registry in files and to helpers.
const hubKey = "https://index.docker.io/v1/"

// storeFile is what the library does not read of a file of credentials: the helper
// for every registry that no other line of the file is about.
type storeFile struct {
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

// readStoreFile reads a file of credentials; one that is missing says nothing.
func readStoreFile(path string) (s storeFile, err error) {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) || path == "" {
		return s, nil
	}
	if err != nil {
		return s, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, credentialsLimit+1))
	if err != nil || len(data) == 0 {
		return s, err
	}
	if len(data) > credentialsLimit {
		return s, fmt.Errorf("reading the credentials file %q: it has more than %d bytes", path, credentialsLimit)
	}
	if err := json.Unmarshal(data, &s); err != nil {
		return s, fmt.Errorf("reading the credentials file %q: %w", path, err)
	}
	if strings.ContainsRune(s.CredsStore, '/') {
		return s, fmt.Errorf("reading the credentials file %q: credsStore %q is no name of a helper", path, s.CredsStore)
	}
	return s, nil
}

// stored finds the credentials for a host or a repository: those that the library
// finds, else those of a helper for all registries.
func (c *Client) stored(sys *types.SystemContext, key string) (types.DockerAuthConfig, error) {
	found, err := config.GetCredentials(sys, key)
	if err != nil || found != (types.DockerAuthConfig{}) {
		return found, err
	}
	host, _, _ := strings.Cut(key, "/")
	for _, path := range c.credentialFiles(sys) {
		file, err := readStoreFile(path)
		if err != nil {
			return found, err
		}
		if file.CredsStore == "" || file.CredHelpers[host] != "" {
			continue
		}
		got, err := helperclient.Get(program(file.CredsStore), serverKey(host))
		switch {
		case err != nil && helpercredentials.IsErrCredentialsNotFound(err):
			continue
		case err != nil:
			return found, helperError(file.CredsStore, err)
		case got.Username == "<token>":
			return types.DockerAuthConfig{IdentityToken: got.Secret}, nil
		}
		return types.DockerAuthConfig{Username: got.Username, Password: got.Secret}, nil
	}
	return found, nil
}

// withHelper adds the credentials that only a helper for all registries has.
func (c *Client) withHelper(sys *types.SystemContext, named reference.Named) (*types.SystemContext, error) {
	if sys.DockerAuthConfig != nil || !c.anyStore(sys) {
		return sys, nil
	}
	found, err := c.stored(sys, named.Name())
	if err != nil {
		return nil, fmt.Errorf("reading the credentials for %q: %w", named.Name(), inOneLine(err))
	}
	if found == (types.DockerAuthConfig{}) {
		return sys, nil
	}
	with := *sys
	with.DockerAuthConfig = &found
	return &with, nil
}

// anyStore tells whether there is such a helper. What is wrong with the files is
// told by the library, which reads them too.
func (c *Client) anyStore(sys *types.SystemContext) bool {
	for _, path := range c.credentialFiles(sys) {
		if file, err := readStoreFile(path); err == nil && file.CredsStore != "" {
			return true
		}
	}
	return false
}

// credentialFiles are the files that are read, the named one alone or all.
func (c *Client) credentialFiles(sys *types.SystemContext) []string {
	switch {
	case sys.AuthFilePath != "":
		return []string{sys.AuthFilePath}
	case sys.DockerCompatAuthFilePath != "":
		return []string{sys.DockerCompatAuthFilePath}
	}
	return c.System.AuthFiles
}

// writtenFile is the file that login writes, "" when nobody knows.
func (c *Client) writtenFile(a Account) string {
	switch {
	case a.CompatFile != "":
		return a.CompatFile
	case a.Registry.AuthFile != "":
		return a.Registry.AuthFile
	case len(c.System.AuthFiles) > 0:
		return c.System.AuthFiles[0]
	}
	return ""
}

// writtenHelper is the helper to which the written file leaves an account, "" if the
// library knows what to do.
func (c *Client) writtenHelper(a Account) (string, error) {
	file, err := readStoreFile(c.writtenFile(a))
	if err != nil {
		return "", err
	}
	host, path, _ := strings.Cut(a.Key, "/")
	if file.CredHelpers[host] != "" {
		return "", nil
	}
	if file.CredsStore != "" && path != "" {
		return "", fmt.Errorf("using %q: credential helper %q, which %q names, knows whole registries only", a.Key, file.CredsStore, c.writtenFile(a))
	}
	return file.CredsStore, nil
}

// withCompatFile lets the library edit the file as one of docker's: of those it
// keeps what it does not know, such as the name of the helper.
func withCompatFile(sys *types.SystemContext, file, key string) *types.SystemContext {
	if sys.DockerCompatAuthFilePath != "" || strings.Contains(key, "/") {
		return sys
	}
	docker := *sys
	docker.AuthFilePath, docker.DockerCompatAuthFilePath = "", file
	return &docker
}

func program(helper string) helperclient.ProgramFunc {
	return helperclient.NewShellProgramFunc("docker-credential-" + helper)
}

func serverKey(host string) string {
	if host == "docker.io" {
		return hubKey
	}
	return host
}

func helperError(helper string, err error) error {
	return fmt.Errorf("asking the credential helper %q: %w", "docker-credential-"+helper, err)
}

func storeInHelper(helper, key string, with Credentials) error {
	err := helperclient.Store(program(helper), &helpercredentials.Credentials{
		ServerURL: serverKey(key), Username: with.User, Secret: with.Password,
	})
	if err != nil {
		return helperError(helper, err)
	}
	return nil
}

// eraseFromHelper tells whether there was something to erase.
func eraseFromHelper(helper, key string) (bool, error) {
	_, err := helperclient.Get(program(helper), serverKey(key))
	if err != nil {
		if helpercredentials.IsErrCredentialsNotFound(err) {
			return false, nil
		}
		return false, helperError(helper, err)
	}
	if err := helperclient.Erase(program(helper), serverKey(key)); err != nil {
		return false, helperError(helper, err)
	}
	return true, nil
}

func eraseAllFromHelper(helper string) error {
	list, err := helperclient.List(program(helper))
	if err != nil {
		return helperError(helper, err)
	}
	for key := range list {
		if err := helperclient.Erase(program(helper), key); err != nil {
			return helperError(helper, err)
		}
	}
	return nil
}
