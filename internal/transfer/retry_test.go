package transfer

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/docker/distribution/registry/api/errcode"
	v2 "github.com/docker/distribution/registry/api/v2"
	"go.podman.io/image/v5/docker"
)

func TestTransient(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err  error
		want bool
	}{
		"refused":            {&url.Error{Err: &net.OpError{Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}}, true},
		"reset, wrapped":     {fmt.Errorf("reading: %w", syscall.ECONNRESET), true},
		"no route":           {syscall.EHOSTUNREACH, true},
		"cut short":          {io.ErrUnexpectedEOF, true},
		"name times out":     {&net.DNSError{IsTimeout: true}, true},
		"no such name":       {&net.DNSError{IsNotFound: true}, false},
		"503":                {docker.UnexpectedHTTPStatusError{StatusCode: 503}, true},
		"500":                {docker.UnexpectedHTTPStatusError{StatusCode: 500}, true},
		"501":                {docker.UnexpectedHTTPStatusError{StatusCode: 501}, false},
		"429, no JSON":       {errors.New(`StatusCode: 429, "slow down"`), true},
		"429, of tokens":     {docker.ErrTooManyRequests, true},
		"404, no JSON":       {errors.New(`StatusCode: 404, "<html>"`), false},
		"no known code":      {errcode.Error{Code: errcode.ErrorCodeUnknown}, false},
		"unavailable":        {errcode.Error{Code: errcode.ErrorCodeUnavailable}, true},
		"unauthorized":       {errcode.Error{Code: errcode.ErrorCodeUnauthorized}, false},
		"denied":             {errcode.Error{Code: errcode.ErrorCodeDenied}, false},
		"unknown manifest":   {errcode.Error{Code: v2.ErrorCodeManifestUnknown}, false},
		"put by several":     {errcode.Error{Code: v2.ErrorCodeDigestInvalid}, true},
		"unknown name":       {errcode.Error{Code: v2.ErrorCodeNameUnknown}, false},
		"wrong digest":       {errors.New("digest mismatch"), false},
		"wrong password":     {docker.ErrUnauthorizedForCredentials{Err: io.EOF}, false},
		"cancelled":          {fmt.Errorf("x: %w", context.Canceled), false},
		"unknown authority":  {&url.Error{Err: x509.UnknownAuthorityError{}}, false},
		"no space":           {syscall.ENOSPC, false},
		"one of several":     {errors.Join(errors.New("x"), syscall.ECONNREFUSED), true},
		"a wrong name":       {docker.UnexpectedHTTPStatusError{StatusCode: 404}, false},
		"too many requests":  {errcode.Error{Code: errcode.ErrorCodeTooManyRequests}, true},
		"gateway gave up":    {docker.UnexpectedHTTPStatusError{StatusCode: 504}, true},
		"not ours, no cause": {errors.New("x"), false},
	} {
		if got := transient(tc.err); got != tc.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	for attempt, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if got := delay(0, attempt); got < want || got > want*11/10 {
			t.Errorf("attempt %d waits %s", attempt, got)
		}
		if got := delay(10*time.Millisecond, attempt); got < 10*time.Millisecond || got > 11*time.Millisecond {
			t.Errorf("attempt %d with a fixed delay waits %s", attempt, got)
		}
	}
}

func TestRetryEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	calls := 0
	err := (&Client{}).retry(ctx, Registry{Retries: 5, RetryDelay: time.Hour}, func() error {
		calls++
		time.AfterFunc(10*time.Millisecond, cancel)
		return syscall.ECONNREFUSED
	})
	if !errors.Is(err, syscall.ECONNREFUSED) || calls != 1 {
		t.Errorf("%d calls, %v", calls, err)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	unlock, err := f.lock(t.Context(), "x")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := f.lock(ctx, "x"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a second lock: %v", err)
	}
	other, err := f.lock(t.Context(), "y")
	must(t, err)
	other()
	time.AfterFunc(50*time.Millisecond, unlock)
	again, err := f.lock(t.Context(), "x")
	must(t, err)
	again()
	left, err := filepath.Glob(filepath.Join(f.Store.RunRoot(), "buildah-locks", "pull-*"))
	if err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

func TestParseRegistrySources(t *testing.T) {
	t.Parallel()
	for text, ok := range map[string]bool{
		"": true, `{}`: true, `{"blockedRegistries":["a"]}`: true, `{"blockedRegistries":"a"}`: false, `x`: false, `{} x`: false,
	} {
		if _, err := ParseRegistrySources(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestParsePullPolicy(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]PullPolicy{
		"missing": PullMissing, "IfMissing": PullMissing, "notpresent": PullMissing, "always": PullAlways, "TRUE": PullAlways,
		"never": PullNever, "false": PullNever, "newer": PullNewer, "ifnewer": PullNewer, "": -1, "sometimes": -1,
	} {
		got, err := ParsePullPolicy(word)
		if want == -1 && err == nil || want != -1 && (err != nil || got != want) {
			t.Errorf("%q: %v, %v", word, got, err)
		}
	}
}

func FuzzLookupNames(f *testing.F) {
	for _, seed := range []string{"app", "a/b:c@sha256:0", "docker://x", "docker:x", "containers-storage:@abc", "oci:/x:y", "@", ":", "sha256:"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		transport, rest := splitTransport(text)
		if transport == nil && rest != text {
			t.Errorf("%q lost its beginning: %q", text, rest)
		}
		if named, _, err := parseNew(text); err == nil && named.String() == "" {
			t.Errorf("%q became an empty name", text)
		}
		_ = localName(text)
	})
}
