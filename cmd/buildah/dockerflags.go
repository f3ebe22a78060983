package main

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// dockerFlags are what scripts written for docker and buildx call `build` with, and
// other flags do here. What they turn off is not made; what they ask for and is not
// made either is refused.
func dockerFlags(lint *checkFlags) []*option {
	return []*option{
		newOption("attest", "SPEC", "only with disabled=true: attestations are not made", noAttestation).hide(),
		newOption("builder", "NAME", "only default, which builds where it is called", func(s string) error {
			if s == "default" {
				return nil
			}
			return unsupportedError{flag: "builder", instead: "leave it out, commands build where they are called"}
		}).hide(),
		newOption("call", "METHOD", "build, or check[,format=json], which is --check", func(s string) (err error) {
			lint.format, err = parseCall(s)
			return err
		}).hide(),
		newOption("provenance", "SPEC", "only false: attestations are not made", func(s string) error {
			if wanted, err := strconv.ParseBool(s); err == nil && !wanted {
				return nil
			}
			return attestationError("provenance")
		}).hide(),
	}
}

// attestationError tells where to find what an attestation would say.
func attestationError(flag string) error {
	return unsupportedError{flag: flag, instead: "--metadata-file writes digests, --sbom PRESET lists the content, --sign-by and --sign-by-sigstore sign"}
}

// noAttestation accepts an attestation that is turned off.
func noAttestation(s string) error {
	if slices.Contains(strings.Split(s, ","), "disabled=true") {
		return nil
	}
	return attestationError("attest")
}

// parseCall gives the format of an examination, "" for a build.
func parseCall(s string) (string, error) {
	method, option, _ := strings.Cut(s, ",")
	switch method {
	case "build":
		if option == "" {
			return "", nil
		}
	case "check", "lint":
		switch option {
		case "", "format=text":
			return "text", nil
		case "format=json":
			return "json", nil
		}
	case "outline", "targets":
		return "", fmt.Errorf("%s is not there: --print-script shows what a build does, and with which stages", method)
	default:
		return "", errors.New("the methods are build and check")
	}
	return "", fmt.Errorf("%s has no option %q: format=text or format=json goes with check", method, option)
}

// hostLines splits values of --add-host, which may also be NAME=IP.
func hostLines(s string) ([]string, error) {
	lines, err := splitList(s)
	for i, line := range lines {
		if name, ip, ok := strings.Cut(line, "="); ok && !strings.Contains(name, ":") {
			lines[i] = name + ":" + ip
		}
	}
	return lines, err
}

// manifestAnnotation takes off the word that says of what an annotation is; here it
// is always of the manifest.
func manifestAnnotation(s string) ([]string, error) {
	key, _, _ := strings.Cut(s, "=")
	level, _, ok := strings.Cut(key, ":")
	switch {
	case ok && level == "manifest":
		return []string{strings.TrimPrefix(s, "manifest:")}, nil
	case ok && slices.Contains([]string{"index", "manifest-descriptor", "index-descriptor"}, level):
		return nil, fmt.Errorf("annotations of the %s are not set here: `buildah manifest annotate` sets those of lists and their members", level)
	}
	return []string{s}, nil
}
