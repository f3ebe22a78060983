// Package sourcepolicy decides which images a build may start from, and which it
// starts from instead. It is pure: it reads no file and knows no registry.
package sourcepolicy

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/distribution/reference"
)

// prefix begins the identifiers of images.
const prefix = "docker-image://"

// ErrDenied is wrapped by the error about an image that a policy denies.
var ErrDenied = errors.New("denied by source policy")

// Policy is a list of rules. The first that matches decides; an image that none
// matches is allowed. A nil policy allows everything.
type Policy struct{ rules []rule }

type rule struct {
	action  string
	matches func(identifier string) bool
	source  string // the identifier of its selector
	to      string // of CONVERT
}

// document is the file format.
type document struct {
	Version int `json:"version"`
	Rules   []struct {
		Action   string `json:"action"`
		Selector struct {
			Identifier string `json:"identifier"`
			MatchType  string `json:"matchType"`
		} `json:"selector"`
		Updates struct {
			Identifier string `json:"identifier"`
		} `json:"updates"`
	} `json:"rules"`
}

// Parse reads a policy. A key that it does not know is an error: whoever wrote
// it counts on it.
func Parse(data []byte) (*Policy, error) {
	var d document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return nil, fmt.Errorf("reading JSON: %w", err)
	}
	if decoder.More() {
		return nil, errors.New("reading JSON: something follows the policy")
	}
	p := &Policy{}
	for i, r := range d.Rules {
		one := rule{action: r.Action, source: r.Selector.Identifier, to: strings.TrimPrefix(r.Updates.Identifier, prefix)}
		if err := one.check(); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		var err error
		if one.matches, err = matcher(r.Selector.Identifier, r.Selector.MatchType); err != nil {
			return nil, fmt.Errorf("rule %d: %w", i, err)
		}
		p.rules = append(p.rules, one)
	}
	return p, nil
}

func (r *rule) check() error {
	switch r.action {
	case "":
		return errors.New("action is required")
	case "ALLOW", "DENY", "CONVERT":
	default:
		return fmt.Errorf("unknown action %q: ALLOW, DENY and CONVERT are known", r.action)
	}
	if r.source == "" {
		return errors.New("selector.identifier is required")
	}
	if r.action == "CONVERT" && r.to == "" {
		return errors.New("updates.identifier is required for CONVERT action")
	}
	return nil
}

// matcher compares whole identifiers. In a pattern, "*" stands for anything,
// also with slashes, and "?" for one character.
func matcher(identifier, matchType string) (func(string) bool, error) {
	switch matchType {
	case "EXACT":
		return func(s string) bool { return s == identifier }, nil
	case "", "WILDCARD":
	case "REGEX":
		return nil, errors.New("REGEX match type is not supported: use WILDCARD")
	default:
		return nil, fmt.Errorf("unknown match type %q: EXACT and WILDCARD are known", matchType)
	}
	text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(identifier))
	pattern, err := regexp.Compile("(?s)^" + text + "$")
	if err != nil {
		return nil, fmt.Errorf("selector.identifier %q: %w", identifier, err)
	}
	return pattern.MatchString, nil
}

// Apply gives the reference to use for an image: mostly the same one. What is no
// reference to a registry, such as the ID of an image or a file, has no rule.
func (p *Policy) Apply(image string) (string, error) {
	if p == nil {
		return image, nil
	}
	named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(image, "docker://"))
	if err != nil {
		return image, nil //nolint:nilerr // it is not an error, but an image of another kind
	}
	written, complete := prefix+named.String(), prefix+reference.TagNameOnly(named).String()
	for _, r := range p.rules {
		if !r.matches(written) && !r.matches(complete) {
			continue
		}
		switch r.action {
		case "DENY":
			return "", fmt.Errorf("image %q: %w, by its rule for %q", image, ErrDenied, r.source)
		case "CONVERT":
			return r.to, nil
		}
		return image, nil
	}
	return image, nil
}
