package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/projectatomic/buildah/internal/transfer"
)

// registryHints say what to do about the failures of registries, each thing once:
// several may have been asked for one image.
func registryHints(err error) []string {
	var hints []string
	for _, failed := range registryErrors(err) {
		if h := registryHint(failed); h != "" && !slices.Contains(hints, h) {
			hints = append(hints, h)
		}
	}
	return hints
}

// registryErrors finds all of an error's, whichever way they are wrapped.
func registryErrors(err error) []*transfer.RegistryError {
	if failed, ok := err.(*transfer.RegistryError); ok { //nolint:errorlint // each link of the chain is looked at
		return []*transfer.RegistryError{failed}
	}
	if several, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*transfer.RegistryError
		for _, one := range several.Unwrap() {
			all = append(all, registryErrors(one)...)
		}
		return all
	}
	if cause := errors.Unwrap(err); cause != nil {
		return registryErrors(cause)
	}
	return nil
}

func registryHint(e *transfer.RegistryError) string {
	switch e.Problem {
	case transfer.Refused:
		if e.User != "" {
			return fmt.Sprintf("%s knows you as %q, who may not do this: `buildah login %s` as somebody else, or check the name", e.Host, e.User, e.Host)
		}
		return fmt.Sprintf("you are not logged in to %s: `buildah login %s`, or check the name", e.Host, e.Host)
	case transfer.Unknown:
		return fmt.Sprintf("check the name and the tag: %s has no such image, or shows it only after `buildah login %s`", e.Host, e.Host)
	case transfer.PlainHTTP:
		return fmt.Sprintf("%s speaks HTTP, without encryption: --tls-verify=false, or \"insecure = true\" in registries.conf, accepts that", e.Host)
	case transfer.Untrusted:
		return fmt.Sprintf("if you know who signed the certificate of %s: put theirs into a directory as ca.crt and use --cert-dir DIR, or /etc/containers/certs.d/%s", e.Host, e.Host)
	case transfer.BadCert:
		return fmt.Sprintf("the certificate of %s is for another name or another time: check the name and the clock", e.Host)
	case transfer.NoSuchHost:
		return fmt.Sprintf("check the name %q and the name servers of this machine", e.Host)
	case transfer.NotListening:
		if e.Host == transfer.LocalHost {
			return "no image of that name is in the store: `buildah images` lists those that are"
		}
		return fmt.Sprintf("check that %s is up, and HTTPS_PROXY if there is a proxy on the way", e.Host)
	case transfer.TooMany:
		return fmt.Sprintf("%s limits requests: wait and try again, or `buildah login %s` for a higher limit", e.Host, e.Host)
	case transfer.ServerFailure:
		return fmt.Sprintf("%s has a problem of its own: try again later, or with a higher --retry", e.Host)
	}
	return ""
}
