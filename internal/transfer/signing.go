package transfer

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/cli"
	sigparams "go.podman.io/image/v5/pkg/cli/sigstore"
	"go.podman.io/image/v5/signature"
	"go.podman.io/image/v5/signature/signer"
	"go.podman.io/image/v5/signature/sigstore"
	"go.podman.io/image/v5/signature/simplesigning"
)

// Signing is with which keys what is written is signed. The zero value signs nothing.
type Signing struct {
	Fingerprint    string // of a GPG key
	PrivateKey     string // file with a private key for sigstore
	Parameters     string // file that says how to sign for sigstore
	PassphraseFile string // its first line opens the GPG key or PrivateKey; "" leaves it to the agent, or asks
}

// IsZero tells that nothing is signed.
func (s Signing) IsZero() bool { return s.Fingerprint == "" && !s.sigstore() }

// sigstore tells whether signatures of that kind are made.
func (s Signing) sigstore() bool { return s.PrivateKey != "" || s.Parameters != "" }

func (s Signing) check() error {
	switch {
	case s.PassphraseFile == "":
		return nil
	case s.Fingerprint != "" && s.PrivateKey != "":
		return errors.New("one file holds the passphrase of one key: give --sign-passphrase-file with either --sign-by or --sign-by-sigstore-private-key")
	case s.Fingerprint == "" && s.PrivateKey == "":
		return errors.New("--sign-passphrase-file is for the key of --sign-by or --sign-by-sigstore-private-key: give one of them")
	}
	return nil
}

// signers opens keys, once for all that is signed with them.
func (c *Client) signers(s Signing) ([]*signer.Signer, error) {
	c.signMutex.Lock()
	defer c.signMutex.Unlock()
	if err := s.check(); err != nil || s.IsZero() {
		return nil, err
	}
	if c.opened != nil && c.openedFor == s {
		return c.opened, nil
	}
	passphrase, err := readPassphrase(s.PassphraseFile)
	if err != nil {
		return nil, err
	}
	var list []*signer.Signer
	for _, kind := range []struct {
		wanted string
		open   func(Signing, string) (*signer.Signer, error)
	}{{s.Fingerprint, openGPG}, {s.PrivateKey, c.openSigstore}, {s.Parameters, c.openParameters}} {
		if kind.wanted == "" {
			continue
		}
		one, err := kind.open(s, passphrase)
		if err != nil {
			return nil, errors.Join(err, closeSigners(list))
		}
		list = append(list, one)
	}
	err = closeSigners(c.opened)
	c.opened, c.openedFor = list, s
	return list, err
}

// Close lets go of keys.
func (c *Client) Close() error {
	c.signMutex.Lock()
	defer c.signMutex.Unlock()
	err := closeSigners(c.opened)
	c.opened = nil
	return err
}

func closeSigners(list []*signer.Signer) error {
	var errs []error
	for _, s := range list {
		errs = append(errs, s.Close())
	}
	return errors.Join(errs...)
}

func readPassphrase(file string) (string, error) {
	passphrase, err := cli.ReadPassphraseFile(file)
	if err != nil {
		return "", fmt.Errorf("reading the passphrase of the signing key: %w", err)
	}
	return passphrase, nil
}

// openGPG makes a signature that nobody gets, to find out before anything is written
// whether the key is there and can be opened. The agent remembers its passphrase.
func openGPG(s Signing, passphrase string) (*signer.Signer, error) {
	options := []simplesigning.Option{simplesigning.WithKeyFingerprint(s.Fingerprint)}
	if passphrase != "" {
		options = append(options, simplesigning.WithPassphrase(passphrase))
	}
	one, err := simplesigning.NewSigner(options...)
	if err == nil {
		if err = tryGPG(s.Fingerprint, passphrase); err != nil {
			err = errors.Join(fmt.Errorf("the key cannot be used: %w: `gpg --list-secret-keys` lists those that can", err), one.Close())
		}
	}
	if err != nil {
		return nil, fmt.Errorf("signing with the GPG key %q: %w", s.Fingerprint, signError(err))
	}
	return one, nil
}

func tryGPG(fingerprint, passphrase string) error {
	mechanism, err := signature.NewGPGSigningMechanism()
	if err != nil {
		return err
	}
	defer func() { _ = mechanism.Close() }()
	_, err = signature.SignDockerManifestWithOptions([]byte(`{"schemaVersion":2}`), "localhost/trial:latest", mechanism, fingerprint,
		&signature.SignOptions{Passphrase: passphrase})
	return err
}

// signError says what a binary without gpgme would need.
func signError(err error) error {
	var unsupported signature.SigningNotSupportedError
	if errors.As(err, &unsupported) {
		return errors.New("this is the static build, which verifies GPG signatures and cannot make them: use the build that is linked with gpgme, or --sign-by-sigstore-private-key")
	}
	return err
}

func (c *Client) openSigstore(s Signing, passphrase string) (*signer.Signer, error) {
	if s.PassphraseFile == "" {
		var err error
		if passphrase, err = c.askPassphrase(s.PrivateKey); err != nil {
			return nil, err
		}
	}
	one, err := sigstore.NewSigner(sigstore.WithPrivateKeyFile(s.PrivateKey, []byte(passphrase)))
	if err != nil {
		return nil, fmt.Errorf("opening the sigstore key %q: %w", s.PrivateKey, err)
	}
	return one, nil
}

func (c *Client) openParameters(s Signing, _ string) (*signer.Signer, error) {
	one, err := sigparams.NewSignerFromParameterFile(s.Parameters, &sigparams.Options{
		PrivateKeyPassphrasePrompt: c.askPassphrase, Stdin: strings.NewReader(""), Stdout: c.sayTo(),
	})
	if err != nil {
		return nil, fmt.Errorf("opening the sigstore parameters %q: %w", s.Parameters, err)
	}
	return one, nil
}

// sayTo takes what an identity provider has to tell the user.
func (c *Client) sayTo() io.Writer {
	if c.Report != nil {
		return c.Report
	}
	return io.Discard
}

func (c *Client) askPassphrase(file string) (string, error) {
	c.askMutex.Lock()
	defer c.askMutex.Unlock()
	if c.Prompt == nil {
		return "", fmt.Errorf("the key %q may have a passphrase and there is no terminal to ask on: give --sign-passphrase-file", file)
	}
	return c.Prompt(fmt.Sprintf("Passphrase of %q: ", file), true)
}

// sign prepares signing what is written to a place.
func (j *pushJob) sign() (err error) {
	s := j.o.Registry.Sign
	if j.opts.Signers, err = j.c.signers(s); err != nil || s.IsZero() {
		return err
	}
	if j.dest.DockerReference() == nil {
		if j.opts.SignIdentity, err = identity(j.o.SourceName); err != nil {
			return err
		}
	}
	if s.sigstore() {
		return checkAttachments(j.opts.DestinationCtx, j.dest)
	}
	return nil
}

// identity is what a signature says that an image is, where the place has no name for it.
func identity(name string) (reference.Named, error) {
	if name == "" {
		return nil, errors.New("signing it: a signature is for a name, and neither the image nor the destination has one: give the image a name with `buildah tag`")
	}
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return nil, fmt.Errorf("signing it as %q: %w", name, err)
	}
	return reference.TagNameOnly(named), nil
}

// SignatureLossError is an image with signatures that would be lost.
type SignatureLossError struct{ cause error }

func (e *SignatureLossError) Error() string {
	return "the image is signed, and its signatures would be lost: " + e.cause.Error()
}
func (e *SignatureLossError) Unwrap() error { return e.cause }

// loses recognizes that the copier would have to change what is signed.
func loses(err error) error {
	var known *SignatureLossError
	if err == nil || errors.As(err, &known) || !strings.Contains(err.Error(), "Would invalidate signatures") && !strings.Contains(err.Error(), "Can not copy signatures") {
		return err
	}
	return &SignatureLossError{err}
}
