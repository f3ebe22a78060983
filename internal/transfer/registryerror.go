package transfer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"strconv"
	"strings"
	"syscall"

	"github.com/docker/distribution/registry/api/errcode"
	v2 "github.com/docker/distribution/registry/api/v2"
	"go.podman.io/image/v5/docker"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/sysregistriesv2"
	"go.podman.io/image/v5/types"
)

// Problem is what kind of failure one at a registry is.
type Problem int

// The problems that somebody can do something about.
const (
	OtherProblem  Problem = iota
	Refused               // who asks may not do this
	Unknown               // there is no such repository, tag or manifest
	PlainHTTP             // it answers HTTP to HTTPS
	Untrusted             // its certificate was signed by nobody we know
	BadCert               // its certificate is for another host, or for another time
	NoSuchHost            // its name cannot be resolved
	NotListening          // nobody answers
	TooMany               // it wants fewer requests
	ServerFailure         // it fails by itself
)

// RegistryError is a failure at a registry.
type RegistryError struct {
	Host    string
	Problem Problem
	User    string // whose credentials were used; "" for nobody's
	err     error
}

func (e *RegistryError) Error() string { return e.err.Error() }
func (e *RegistryError) Unwrap() error { return e.err }

// LocalHost is the registry in the names of images that were built here. What bears such
// a name and is not in the store was mistyped: no registry is about to come up there.
const LocalHost = "localhost"

// atRegistry notes at which registry something has failed to be read.
func (c *Client) atRegistry(sys *types.SystemContext, named reference.Named, err error) error {
	if err == nil || named == nil {
		return err
	}
	return c.blame(sys, hostFor(sys, named), named, err)
}

func (c *Client) blame(sys *types.SystemContext, host string, named reference.Named, err error) error {
	e := &RegistryError{Host: host, Problem: problemOf(err), err: err}
	if e.Problem == Refused {
		if who, err := c.stored(sys, named.Name()); err == nil {
			e.User = who.Username
		}
	}
	return e
}

// hostFor is the registry that registries.conf puts in the place of a name's, for
// reading.
func hostFor(sys *types.SystemContext, named reference.Named) string {
	host := reference.Domain(named)
	conf, err := sysregistriesv2.FindRegistry(sys, named.Name())
	if err != nil || conf == nil {
		return host
	}
	sources, err := conf.PullSourcesFromReference(named)
	if err != nil || len(sources) == 0 {
		return host
	}
	return reference.Domain(sources[len(sources)-1].Reference)
}

// problemOf judges by what the libraries hand on.
func problemOf(err error) Problem {
	var (
		denied docker.ErrUnauthorizedForCredentials
		coded  errcode.ErrorCoder
	)
	switch {
	case errors.As(err, &denied):
		return Refused
	case errors.Is(err, docker.ErrTooManyRequests) || statusOf(err) == http.StatusTooManyRequests:
		return TooMany
	case errors.As(err, &coded):
		return problemOfCode(coded.ErrorCode())
	case errors.Is(err, http.ErrSchemeMismatch):
		return PlainHTTP
	}
	if p := certificateProblem(err); p != OtherProblem {
		return p
	}
	if p := networkProblem(err); p != OtherProblem {
		return p
	}
	switch status := statusOf(err); {
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return Refused
	case status == http.StatusNotFound && !strings.Contains(err.Error(), "fetching blob"):
		return Unknown // and not merely incomplete
	case status >= http.StatusInternalServerError:
		return ServerFailure
	}
	return OtherProblem
}

func problemOfCode(code errcode.ErrorCode) Problem {
	switch code {
	case errcode.ErrorCodeUnauthorized, errcode.ErrorCodeDenied:
		return Refused
	case errcode.ErrorCodeTooManyRequests:
		return TooMany
	case v2.ErrorCodeManifestUnknown, v2.ErrorCodeNameUnknown:
		return Unknown
	case errcode.ErrorCodeUnavailable:
		return ServerFailure
	}
	return OtherProblem
}

func certificateProblem(err error) Problem {
	var (
		authority x509.UnknownAuthorityError
		verify    *tls.CertificateVerificationError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &record):
		return PlainHTTP
	case errors.As(err, &host), errors.As(err, &invalid):
		return BadCert
	case errors.As(err, &authority), errors.As(err, &verify):
		return Untrusted
	}
	return OtherProblem
}

func networkProblem(err error) Problem {
	var name *net.DNSError
	var network net.Error
	switch {
	case errors.As(err, &name):
		return NoSuchHost
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.EHOSTUNREACH), errors.Is(err, syscall.ENETUNREACH),
		errors.As(err, &network) && network.Timeout():
		return NotListening
	}
	return OtherProblem
}

// statusOf is the status that a registry answered with something that is no error of
// the distribution specification; 0 if there is none. For a status below 500 the
// library hands on nothing but a text.
func statusOf(err error) int {
	var status docker.UnexpectedHTTPStatusError
	if errors.As(err, &status) {
		return status.StatusCode
	}
	text := err.Error()
	for _, known := range []int{
		http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusRequestTimeout, http.StatusTooManyRequests,
	} {
		if strings.Contains(text, "StatusCode: "+strconv.Itoa(known)+",") {
			return known
		}
	}
	return 0
}

// atPlace is atRegistry for a place that may be none.
func (c *Client) atPlace(sys *types.SystemContext, place types.ImageReference, err error) error {
	if place.Transport().Name() != registryTransport {
		return err
	}
	return c.atRegistry(sys, place.DockerReference(), err)
}

// atDestination is the same for what has failed to be written, which is to where the
// name says. What failed at another registry, from which a member of a list comes, is
// left as it is.
func (c *Client) atDestination(sys *types.SystemContext, dest types.ImageReference, err error) error {
	named := dest.DockerReference()
	var known *RegistryError
	if err == nil || errors.As(err, &known) || named == nil || dest.Transport().Name() != registryTransport {
		return err
	}
	return c.blame(sys, reference.Domain(named), named, err)
}
