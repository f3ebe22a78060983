package builder

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/transfer"
)

// Fetch says how sources are downloaded. Each zero value is the default.
type Fetch struct {
	Registry Registry      // CertDir and TLSVerify are used
	Retries  int           // after the first failure
	Delay    time.Duration // between them; 0 means 1 s, 2 s, 4 s, ...
	// Ready has sources, by their addresses, that were downloaded before.
	Ready map[string]*contexts.Download
}

// Fetched is what a source was that had an address.
type Fetched struct {
	Identity string // what the server says of it, see [contexts.Identity]; the ID of the commit of a repository
	Digest   string // hexadecimal sha256 of a download
	Modified string // what the server says of that, which becomes the time of the file
}

// fetched notes what a download was.
func (a *adding) fetched(r response, digest string) {
	a.remote = append(a.remote, Fetched{Identity: r.identity, Digest: digest, Modified: r.Header.Get("Last-Modified")})
}

// response is the answer to a request for a source.
type response struct {
	*http.Response
	url      *url.URL
	identity string
	modified time.Time // the beginning of time if the server does not say
}

// request asks for a source. The caller closes the body.
func (a *adding) request(ctx context.Context, source string) (r response, err error) {
	if r.url, err = url.Parse(source); err != nil {
		return r, badURL(source, err)
	}
	if r.Response, r.identity, err = a.answer(ctx, source, r.url); err != nil { //nolint:bodyclose // the caller does
		return r, err
	}
	r.modified = time.Unix(0, 0)
	if text := r.Header.Get("Last-Modified"); text != "" {
		if r.modified, err = http.ParseTime(text); err != nil {
			r.Body.Close()
			return r, fmt.Errorf("getting %q: Last-Modified %q: %w", r.url.Redacted(), text, err)
		}
	}
	return r, nil
}

// answer gives what is at an address, from where it was downloaded to before or anew.
func (a *adding) answer(ctx context.Context, source string, u *url.URL) (*http.Response, string, error) {
	if d := a.o.Fetch.Ready[source]; d != nil {
		f, err := os.Open(d.Path)
		if err != nil {
			return nil, "", fmt.Errorf("getting %q: %w", u.Redacted(), err)
		}
		return &http.Response{Header: d.Header, Body: f}, d.Identity, nil
	}
	h, err := a.o.Fetch.HTTP(a.engine.warn)
	if err != nil {
		return nil, "", fmt.Errorf("getting %q: %w", u.Redacted(), err)
	}
	r, err := h.Get(ctx, u)
	if err != nil {
		return nil, "", err
	}
	return r, contexts.Identity(r), nil
}

// name is the name of the file in a directory.
func (r response) name() string {
	if name := path.Base(r.url.Path); name != "/" && name != "." {
		return name
	}
	return r.url.Hostname()
}

// verifier reads the body and knows in the end whether it is the right one; nil
// accepts everything.
func (r response) verifier(checksum string) (io.Reader, func() error) {
	if checksum == "" {
		return r.Body, nil
	}
	want := digest.Digest(checksum)
	digester := want.Algorithm().Digester()
	return io.TeeReader(r.Body, digester.Hash()), func() error {
		if got := digester.Digest(); got != want {
			return fmt.Errorf("unexpected response digest for %q: %s, want %s", r.url.Redacted(), got, want)
		}
		return nil
	}
}

// download fetches one URL into the destination, as it is.
func (a *adding) download(ctx context.Context, source string) error {
	r, err := a.request(ctx, source)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	file := copier.StreamFile{Name: r.name(), Mode: 0o600, ModTime: r.modified, Workdir: a.workdir()}
	// The file only appears under its name once the whole body has been checked.
	file.Content, file.Verify = r.verifier(a.o.Checksum)
	if err := a.stream(ctx, file); err != nil {
		return err
	}
	a.fetched(r, a.items[len(a.items)-1].Digest)
	return nil
}

// unpack fetches one URL, and unpacks it if it is an archive. Nothing of one that
// does not have its checksum is unpacked.
func (a *adding) unpack(ctx context.Context, source string) (err error) {
	r, err := a.request(ctx, source)
	if err != nil {
		return err
	}
	defer r.Body.Close()
	dir, err := os.MkdirTemp(a.engine.Host.TempDir, "buildah-download-")
	if err != nil {
		return fmt.Errorf("getting %q: %w", r.url.Redacted(), err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	root, err := copier.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	body, verify := r.verifier(a.o.Checksum)
	file := copier.StreamFile{Name: r.name(), Mode: 0o600, ModTime: r.modified, Content: body, Verify: verify}
	fetched, err := copier.CopyStream(ctx, root, "/", file)
	if err != nil {
		return fmt.Errorf("getting %q: %w", r.url.Redacted(), err)
	}
	o := a.copyOptions()
	o.LiteralNames, o.NoDigest, o.Parents, o.Exclude, o.KeepOwner = true, true, false, nil, false
	target := copier.Target{Root: a.root, Path: a.target(), Workdir: a.workdir()}
	result, err := copier.Copy(ctx, target, root, []string{r.name()}, o)
	if err != nil {
		return err
	}
	result.Kind, result.Digest = "", fetched.Digest
	a.items = append(a.items, result)
	a.fetched(r, fetched.Digest)
	return nil
}

// badURL tells what is wrong with an address, without a password that may be in it.
func badURL(source string, err error) error {
	var parse *url.Error // it repeats the address
	if errors.As(err, &parse) {
		err = parse.Err
	}
	if strings.Contains(source, "@") {
		err = errors.New("it is not a URL") // the cause may quote any part of it
	}
	return fmt.Errorf("source %q: %w", redact(source), err)
}

// redact hides the password of an address, be it valid or not.
func redact(source string) string { return contexts.Redact(source) }

// HTTP gives what downloads as it is said here; warn hears of retries.
func (f Fetch) HTTP(warn func(format string, args ...any)) (contexts.HTTP, error) {
	client, err := f.client()
	return contexts.HTTP{Client: client, Retries: f.Retries, Delay: f.Delay, Warn: warn}, err
}

// client honours the certificates, the verification and the proxies asked for.
func (f Fetch) client() (*http.Client, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.Registry.CertDir != "" {
		if err := transfer.LoadCertDir(config, f.Registry.CertDir); err != nil {
			return nil, err
		}
	}
	if f.Registry.TLSVerify == transfer.Off {
		config.InsecureSkipVerify = true //nolint:gosec // asked for with --tls-verify=false
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config}
	return &http.Client{Transport: transport}, nil
}
