package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/transfer"
)

// registryFlags is the group of flags about talking to registries. It fills the
// library's own struct, which is handed on whole.
type registryFlags struct {
	registry builder.Registry
	retry    int
	asked    struct{ verify, insecure, retry, delay bool }
}

// options are the flags that every command with registries has.
func (r *registryFlags) options() []*option {
	reg := &r.registry
	return []*option{
		textOption("authfile", "FILE", &reg.AuthFile, "read credentials from FILE"),
		r.certDir(),
		newOption("creds", "USER[:PASSWORD]", "user name and password for the registry", func(s string) error {
			if s == "" {
				return errors.New("credentials can't be empty")
			}
			reg.Creds = s
			return nil
		}),
		newOption("insecure", "", "the contrary of --tls-verify", r.setInsecure).hide(),
		newOption("retry", "N", "how often to try again when a registry fails", func(s string) (err error) {
			r.asked.retry = true
			r.retry, err = parseNumber[int](s)
			return err
		}).shows("3"),
		newOption("retry-delay", "DURATION", "how long to wait before trying again; longer each time without it", r.setDelay),
		textOption("signature-policy", "FILE", &reg.SignaturePolicy, "read policy.json from FILE").hide(),
		r.tlsVerify(),
		textOption("blob-cache", "DIR", &reg.BlobCache, "keep blobs as they were transferred in DIR").hide(),
	}
}

func (r *registryFlags) certDir() *option {
	return textOption("cert-dir", "DIR", &r.registry.CertDir, "use the certificates and keys in DIR")
}

func (r *registryFlags) tlsVerify() *option {
	return newOption("tls-verify", "", "insist on HTTPS with a valid certificate, or with =false do without", r.setVerify).shows("as configured")
}

// reading are the further flags of commands that pull.
func (r *registryFlags) reading() []*option {
	return []*option{
		listOption("decryption-key", "KEY[:PASSPHRASE]", &r.registry.DecryptionKeys, "key for encrypted layers"),
		boolOption("remove-signatures", &r.registry.RemoveSignatures, "do not keep the signatures of the image"),
	}
}

func (r *registryFlags) setVerify(s string) error {
	on, err := strconv.ParseBool(s)
	r.asked.verify = true
	r.registry.TLSVerify = verify(on)
	return withoutPrefix(err)
}

func (r *registryFlags) setInsecure(s string) error {
	insecure, err := strconv.ParseBool(s)
	r.asked.insecure = true
	r.registry.TLSVerify = verify(!insecure)
	return withoutPrefix(err)
}

func verify(on bool) transfer.Tristate {
	if on {
		return transfer.On
	}
	return transfer.Off
}

func (r *registryFlags) setDelay(s string) (err error) {
	r.asked.delay = s != ""
	if s == "" {
		return nil
	}
	if r.registry.RetryDelay, err = time.ParseDuration(s); err != nil {
		return fmt.Errorf("unable to parse value provided %q as --retry-delay: %w", s, err)
	}
	return nil
}

// settle fills what was not on the command line from the environment and from
// containers.conf, and checks what can be checked early.
func (r *registryFlags) settle(p *program, conf containersconf.Config) (builder.Registry, error) {
	if r.asked.verify && r.asked.insecure {
		return r.registry, usageError{text: "only one of --tls-verify and --insecure may be given"}
	}
	reg := r.registry
	if dir := reg.BlobCache; dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return reg, fmt.Errorf("using the blob cache %q: it is not a directory: make it first", dir)
		}
	}
	if reg.AuthFile == "" {
		reg.AuthFile = p.defaultAuthFile()
	}
	if reg.AuthFile != "" {
		var err error
		if reg.AuthFile, err = rereadable(reg.AuthFile); err != nil {
			return reg, fmt.Errorf("credential file is not accessible: %w", err)
		}
		r.registry.AuthFile = reg.AuthFile
	}
	reg.Retries = conf.Retry
	if r.asked.retry {
		reg.Retries = r.retry
	}
	if !r.asked.delay {
		reg.RetryDelay = conf.RetryDelay
	}
	return reg, nil
}

// authLimit is the most that a file of credentials may have, in bytes.
const authLimit = 1 << 20

// rereadable gives a path by which a file can be read any number of times: what comes
// out of a pipe, such as --authfile <(COMMAND), is kept in memory.
func rereadable(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil || info.Mode().IsRegular() || info.IsDir() {
		return path, err
	}
	from, err := os.Open(path)
	if err != nil {
		return path, err
	}
	defer from.Close()
	data, err := io.ReadAll(io.LimitReader(from, authLimit+1))
	switch {
	case err != nil:
		return path, err
	case len(data) > authLimit:
		return path, fmt.Errorf("%q has more than %d bytes", path, authLimit)
	}
	fd, err := unix.MemfdCreate("credentials", unix.MFD_CLOEXEC) // it goes with this process
	if err != nil {
		return path, err
	}
	if n, err := unix.Write(fd, data); err != nil || n < len(data) {
		return path, errors.Join(err, unix.Close(fd))
	}
	return fmt.Sprintf("/proc/self/fd/%d", fd), nil
}

// defaultAuthFile is where the environment says that credentials are.
func (p *program) defaultAuthFile() string {
	if f := p.env("REGISTRY_AUTH_FILE"); f != "" {
		return f
	}
	if dir := p.env("DOCKER_CONFIG"); dir != "" {
		return filepath.Join(dir, "config.json")
	}
	return ""
}

// fetchOptions say how files are downloaded: like images.
func fetchOptions(r builder.Registry) builder.Fetch {
	return builder.Fetch{Registry: r, Retries: r.Retries, Delay: r.RetryDelay}
}
