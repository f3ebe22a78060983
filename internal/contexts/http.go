package contexts

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// HTTP downloads. Each zero value is the default.
type HTTP struct {
	Client  *http.Client                     // nil means the default one, which knows the environment's proxies
	Retries int                              // after the first failure
	Delay   time.Duration                    // between them; 0 means 1 s, 2 s, 4 s, ...
	Warn    func(format string, args ...any) // hears of retries; nil hears nothing
}

// Get asks for u until it answers or the retries are used up. The caller closes
// the body. Errors never show a password.
func (h HTTP) Get(ctx context.Context, u *url.URL) (*http.Response, error) {
	for try := 0; ; try++ {
		response, err := once(ctx, h.client(), http.MethodGet, u)
		if err == nil {
			return response, nil
		}
		if try >= h.Retries || !isTransient(err) {
			return nil, fmt.Errorf("getting %q: %w", u.Redacted(), err)
		}
		delay := h.wait(try)
		if h.Warn != nil {
			h.Warn("Failed, retrying in %s ... (%d/%d). Error: %v", delay, try+1, h.Retries, err)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(delay):
		}
	}
}

// wait is how long to wait after the try with this number. A delay that was
// asked for is kept; ours has up to a tenth of jitter.
func (h HTTP) wait(try int) time.Duration {
	if h.Delay != 0 {
		return h.Delay
	}
	d := time.Second << min(try, 8)
	return d + time.Duration(rand.Int64N(int64(d)/10+1)) //nolint:gosec // jitter needs no secrecy
}

// statusError is an answer that is no success.
type statusError int

func (s statusError) Error() string { return fmt.Sprintf("invalid response status %d", int(s)) }

func (h HTTP) client() *http.Client {
	if h.Client == nil {
		return http.DefaultClient
	}
	return h.Client
}

func once(ctx context.Context, client *http.Client, method string, u *url.URL) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, u.String(), http.NoBody)
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
