package transfer

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"syscall"
	"time"

	"github.com/docker/distribution/registry/api/errcode"
	v2 "github.com/docker/distribution/registry/api/v2"
	"go.podman.io/image/v5/docker"
)

// retry calls do until it succeeds, fails for good or has used its attempts.
func (c *Client) retry(ctx context.Context, r Registry, do func() error) error {
	for attempt := 0; ; attempt++ {
		err := do()
		if err == nil || attempt >= r.Retries || ctx.Err() != nil || !transient(err) {
			return err
		}
		pause := delay(r.RetryDelay, attempt)
		c.say(ctx, "Retrying in %s: %s", pause.Round(time.Millisecond), oneLine(err))
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
	}
}

// delay is fixed, or 1 s, 2 s, 4 s ..., and up to a tenth longer, so that many
// clients which lost the same registry do not return in step.
func delay(fixed time.Duration, attempt int) time.Duration {
	pause := fixed
	if pause <= 0 {
		pause = time.Second << min(attempt, 16)
	}
	return pause + rand.N(pause/10+1)
}

// transient tells errors that may pass from those that will not.
func transient(err error) bool {
	if permanent(err) {
		return false
	}
	if errors.Is(err, errVanished) {
		return true
	}
	if status := statusOf(err); status != 0 || errors.Is(err, docker.ErrTooManyRequests) {
		return status == 0 || passing(status)
	}
	var coded errcode.ErrorCoder
	if errors.As(err, &coded) {
		return transientCode(coded.ErrorCode())
	}
	for _, errno := range []syscall.Errno{
		syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ECONNABORTED, syscall.EPIPE,
		syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH,
	} {
		if errors.Is(err, errno) {
			return true
		}
	}
	var network net.Error
	return errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || errors.As(err, &network) && network.Timeout() ||
		temporaryName(err)
}

// permanent are errors that the same request will meet again.
func permanent(err error) bool {
	var (
		denied    docker.ErrUnauthorizedForCredentials
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		record    tls.RecordHeaderError
	)
	return errors.Is(err, context.Canceled) || errors.As(err, &denied) || errors.As(err, &verify) ||
		errors.As(err, &authority) || errors.As(err, &record)
}

func temporaryName(err error) bool {
	var name *net.DNSError
	return errors.As(err, &name) && !name.IsNotFound && (name.IsTemporary || name.IsTimeout)
}

// passing are the statuses of what may go better the next time. All that we ask for
// can be asked for again: blobs and manifests go by their digests, and a tag is set
// to what it was set to.
func passing(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError,
		http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// transientCode judges the codes of the distribution specification. An invalid digest is
// what docker-registry answers to one of several that put the same manifest at the same
// time, or to what was damaged on its way: ours are computed from what we send.
func transientCode(code errcode.ErrorCode) bool {
	switch code {
	case errcode.ErrorCodeUnavailable, errcode.ErrorCodeTooManyRequests, v2.ErrorCodeBlobUploadUnknown, v2.ErrorCodeDigestInvalid:
		return true
	}
	return code != errcode.ErrorCodeUnknown && passing(code.Descriptor().HTTPStatusCode)
}
