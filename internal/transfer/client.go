// Package transfer brings images into the store and out of it: pulls, pushes,
// short names, signature policy, retries and progress. It is the only room that
// calls the copier of containers/image.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"go.podman.io/image/v5/signature/signer"
	"go.podman.io/image/v5/types"

	"github.com/projectatomic/buildah/internal/compress"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/store"
)

// Tristate is a switch that may be left alone.
type Tristate int

// The states of a Tristate.
const (
	Default Tristate = iota // as the configuration files say
	On
	Off
)

// System is where things are looked up. A zero field is the library's default.
type System struct {
	RegistriesConf    string // registries.conf; replaces the search for one
	RegistriesConfDir string // directory of its drop-ins
	ShortNameAliases  string // the file that remembers which registry a user chose
	UserAgent         string // for example "Buildah/2.0"
	TempDir           string // for big temporary files; "" means /var/tmp
	BlobInfoCacheDir  string // what is known about blobs at registries
	DockerHost        string // the daemon of docker-daemon:, as in DOCKER_HOST
	DockerCertDir     string // certificates for that daemon, as in DOCKER_CERT_PATH
	ParallelCopies    int    // blobs of an image that are moved at once; 0 means 6
	Sources           RegistrySources
	AuthFiles         []string // where credentials are looked for; the first one is what login writes
}

// Registry is how to talk to registries and what to do about signatures.
type Registry struct {
	AuthFile         string // credentials; must exist when given
	CertDir          string // instead of the directories for each registry
	Creds            string // user[:password]; wins over files
	TLSVerify        Tristate
	SignaturePolicy  string // a policy.json instead of the system's
	Retries          int    // attempts after the first; 0 means none
	RetryDelay       time.Duration
	RemoveSignatures bool     // do not copy signatures
	Sign             Signing  // of what is written
	DecryptionKeys   []string // key[:passphrase] for encrypted layers
	BlobCache        string   // a directory that keeps blobs as they were transferred
}

// Platform is what to choose from a list of images. The zero value is this machine.
type Platform struct{ OS, Arch, Variant string }

// Client moves images between one store and the rest of the world.
type Client struct {
	Store  *store.Store
	System System
	Report io.Writer // progress: bars on a terminal, lines otherwise; nil is quiet
	// Budget is the memory for compressing layers, shared by the process. nil: a
	// default one of this client.
	Budget *compress.Budget
	// Prompt asks the user for what credentials lack. nil: nobody can be asked.
	Prompt func(label string, secret bool) (string, error)

	// Aside lets work have the terminal of the caller to itself: the library asks there
	// which of several names is meant. nil: it has it anyway.
	Aside func(work func())

	budgetOnce sync.Once
	sayMutex   sync.Mutex
	askMutex   sync.Mutex
	shortNames shortNames

	signMutex sync.Mutex // of the keys that are open
	opened    []*signer.Signer
	openedFor Signing
}

// SystemContext is what the library wants to know for each transfer.
func (c *Client) SystemContext(r Registry, p Platform) (*types.SystemContext, error) {
	s := c.System
	if r.AuthFile != "" {
		if _, err := os.Stat(r.AuthFile); err != nil {
			return nil, fmt.Errorf("reading the credentials file: %w", err)
		}
	}
	if r.BlobCache != "" {
		if fi, err := os.Stat(r.BlobCache); err != nil || !fi.IsDir() {
			return nil, fmt.Errorf("using the blob cache %q: it is not a directory: make it first", r.BlobCache)
		}
	}
	auth, err := c.credentials(r.Creds)
	if err != nil {
		return nil, err
	}
	sys := &types.SystemContext{
		SignaturePolicyPath:         r.SignaturePolicy,
		SystemRegistriesConfPath:    c.registriesConf(),
		SystemRegistriesConfDirPath: s.RegistriesConfDir,
		UserShortNameAliasConfPath:  s.ShortNameAliases,
		AuthFilePath:                r.AuthFile,
		ArchitectureChoice:          p.Arch,
		OSChoice:                    p.OS,
		VariantChoice:               p.Variant,
		BlobInfoCacheDir:            s.BlobInfoCacheDir,
		BigFilesTemporaryDir:        s.TempDir,
		OCICertPath:                 r.CertDir,
		DockerCertPath:              r.CertDir,
		DockerAuthConfig:            auth,
		DockerRegistryUserAgent:     s.UserAgent,
		DockerDaemonHost:            s.DockerHost,
		DockerDaemonCertPath:        s.DockerCertDir,
	}
	if r.CertDir != "" {
		sys.DockerDaemonCertPath = r.CertDir
	}
	setVerify(sys, r.TLSVerify)
	return sys, nil
}

func setVerify(sys *types.SystemContext, verify Tristate) {
	switch verify {
	case On:
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolFalse
	case Off:
		sys.DockerInsecureSkipTLSVerify = types.OptionalBoolTrue
		sys.OCIInsecureSkipTLSVerify = true
		sys.DockerDaemonInsecureSkipTLSVerify = true
	}
}

// registriesConf is the main file. A user without root may keep one in the store.
func (c *Client) registriesConf() string {
	if c.System.RegistriesConf != "" || c.Store == nil || os.Geteuid() == 0 {
		return c.System.RegistriesConf
	}
	own := filepath.Join(c.Store.GraphRoot(), "registries.conf")
	if _, err := os.Stat(own); errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	return own
}

// credentials parses user[:password] and asks for what is missing.
func (c *Client) credentials(creds string) (*types.DockerAuthConfig, error) {
	if creds == "" {
		return nil, nil
	}
	c.askMutex.Lock() // one question after the other
	defer c.askMutex.Unlock()
	user, password, given := strings.Cut(creds, ":")
	ask := func(label string, secret bool) (string, error) {
		if c.Prompt == nil {
			return "", errors.New(`the credentials are incomplete and there is no terminal to ask on: give "user:password"`)
		}
		return c.Prompt(label, secret)
	}
	var err error
	if user == "" {
		if user, err = ask("Username: ", false); err != nil {
			return nil, err
		}
	}
	if !given {
		if password, err = ask("Password: ", true); err != nil {
			return nil, err
		}
	}
	return &types.DockerAuthConfig{Username: user, Password: password}, nil
}

// report is where progress is told of: to the stage of a build that asks for the
// transfer, if one does. nil is quiet.
func (c *Client) report(ctx context.Context) io.Writer {
	if g := events.Of(ctx); g != nil {
		return g.Transfers()
	}
	return c.Report
}

// say writes one line of progress.
func (c *Client) say(ctx context.Context, format string, args ...any) {
	if w := c.report(ctx); w != nil {
		c.sayMutex.Lock()
		defer c.sayMutex.Unlock()
		fmt.Fprintf(w, format+"\n", args...)
	}
}
