package builder

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/transfer"
)

// Fetch says how sources are downloaded. Each zero value is the default.
type Fetch struct {
	Registry Registry      // CertDir and TLSVerify are used
	Retries  int           // after the first failure
	Delay    time.Duration // between them; 0 means 1 s, 2 s, 4 s, ...
}

// download fetches one URL into the destination; it is never unpacked.
func (a *adding) download(ctx context.Context, source string) error {
	u, err := url.Parse(source)
	if err != nil {
		return badURL(source, err)
	}
	response, err := a.get(ctx, u)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	modified := time.Unix(0, 0)
	if text := response.Header.Get("Last-Modified"); text != "" {
		if modified, err = http.ParseTime(text); err != nil {
			return fmt.Errorf("getting %q: Last-Modified %q: %w", u.Redacted(), text, err)
		}
	}
	body := io.Reader(response.Body)
	var verifier digest.Verifier
	if a.o.Checksum != "" {
		verifier = digest.Digest(a.o.Checksum).Verifier()
		body = io.TeeReader(body, verifier)
	}
	name := path.Base(u.Path)
	if name == "/" || name == "." {
		name = u.Hostname()
	}
	file := copier.StreamFile{Name: name, Mode: 0o600, ModTime: modified, Content: body, Workdir: a.workdir()}
	if verifier != nil {
		// The file only appears under its name once the whole body has been checked.
		file.Verify = func() error {
			if verifier.Verified() {
				return nil
			}
			return fmt.Errorf("unexpected response digest for %q, want %s", u.Redacted(), a.o.Checksum)
		}
	}
	return a.stream(ctx, file)
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
func redact(source string) string {
	if u, err := url.Parse(source); err == nil {
		return u.Redacted()
	}
	scheme, rest, _ := strings.Cut(source, "://")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		rest = "xxxxx" + rest[at:]
	}
	return scheme + "://" + rest
}

// get asks for u until it answers or the retries are used up.
func (a *adding) get(ctx context.Context, u *url.URL) (*http.Response, error) {
	client, err := a.o.Fetch.client()
	if err != nil {
		return nil, fmt.Errorf("getting %q: %w", u.Redacted(), err)
	}
	for try := 0; ; try++ {
		response, err := getOnce(ctx, client, u)
		if err == nil {
			return response, nil
		}
		if try >= a.o.Fetch.Retries || !isTransient(err) {
			return nil, fmt.Errorf("getting %q: %w", u.Redacted(), err)
		}
		delay := a.o.Fetch.wait(try)
		a.engine.warn("Failed, retrying in %s ... (%d/%d). Error: %v", delay, try+1, a.o.Fetch.Retries, err)
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
	}
}

// wait is how long to wait after the try with this number, with up to a tenth of jitter.
func (f Fetch) wait(try int) time.Duration {
	d := f.Delay
	if d == 0 {
		d = time.Second << min(try, 8)
	}
	return d + time.Duration(rand.Int64N(int64(d)/10+1)) //nolint:gosec // jitter needs no secrecy
}

// statusError is an answer that is no success.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("invalid response status %d", int(s)) }

func getOnce(ctx context.Context, client *http.Client, u *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		var uerr *url.Error // it repeats the address, with any password in it
		if errors.As(err, &uerr) {
			err = uerr.Err
		}
		return nil, err
	}
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		response.Body.Close()
		return nil, statusError(response.StatusCode)
	}
	return response, nil
}

// isTransient tells whether the same request may succeed later.
func isTransient(err error) bool {
	var status statusError
	if errors.As(err, &status) {
		return status >= http.StatusBadGateway && status <= http.StatusGatewayTimeout
	}
	var netErr net.Error
	if errors.As(err, &netErr) && netErr.Timeout() {
		return true
	}
	for _, e := range []error{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EHOSTUNREACH, syscall.ENETUNREACH, io.ErrUnexpectedEOF, io.EOF,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
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
