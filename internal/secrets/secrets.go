// Package secrets knows the grammar of --secret and --ssh, and reads what they
// name into memory, once, within limits. Nothing here writes anything anywhere.
package secrets

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strings"
)

// Spec is a --secret.
type Spec struct {
	ID string
	// File and Env say where the value is. With both empty it is the variable of
	// the ID's name, or else the file of that name.
	File string
	Env  string
}

// errFormat has the words that scripts look for.
var errFormat = errors.New("incorrect secret flag format: should be --secret id=foo,src=bar[,env=ENV][,type=file|env]")

// Parse reads a --secret.
func Parse(text string) (Spec, error) {
	var s Spec
	var source, kind string
	words, err := split(text)
	if err != nil {
		return s, errFormat
	}
	for _, word := range words {
		key, value, ok := strings.Cut(word, "=")
		if !ok {
			return s, errFormat
		}
		switch strings.ToLower(key) {
		case "id":
			s.ID = value
		case "src", "source":
			source = value
		case "env":
			s.Env = value
		case "type":
			if kind = value; kind != "file" && kind != "env" {
				return s, fmt.Errorf("invalid secret type %q: it is \"file\" or \"env\"", value)
			}
		default:
			return s, errFormat
		}
	}
	if s.ID == "" {
		return s, errFormat
	}
	err = s.settle(source, kind)
	return s, err
}

// settle finds out where the value is.
func (s *Spec) settle(source, kind string) error {
	switch {
	case kind == "file" && s.Env != "":
		return fmt.Errorf("secret %q: type=file and env=%s exclude each other", s.ID, s.Env)
	case s.Env != "" && source != "" && source != s.Env:
		return fmt.Errorf("secret %q: src=%s and env=%s exclude each other", s.ID, source, s.Env)
	case s.Env != "":
	case kind == "env" && source != "":
		s.Env = source
	case kind == "env":
		s.Env = s.ID
	case kind == "file" && source == "":
		s.File = s.ID
	default:
		s.File = source
	}
	return nil
}

// split splits at commas; double quotes around a field protect its commas.
func split(text string) ([]string, error) {
	if !strings.Contains(text, `"`) {
		return strings.Split(text, ","), nil
	}
	r := csv.NewReader(strings.NewReader(text))
	r.LazyQuotes = true
	words, err := r.Read()
	if err != nil {
		return nil, err
	}
	if rest, _ := r.Read(); rest != nil {
		return nil, errors.New("more than one line")
	}
	return words, nil
}

// AgentSpec is a --ssh.
type AgentSpec struct {
	ID    string
	Paths []string // of one socket, or of private keys; none means the caller's agent
}

// ParseAgent reads a --ssh: ID[=PATH[,PATH...]].
func ParseAgent(text string) (AgentSpec, error) {
	id, paths, given := strings.Cut(text, "=")
	a := AgentSpec{ID: id}
	if id == "" {
		return a, fmt.Errorf("ssh %q is not of the form default|ID[=SOCKET|KEY[,KEY...]]", text)
	}
	if !given {
		return a, nil
	}
	words, err := split(paths)
	if err != nil {
		return a, fmt.Errorf("ssh %q: splitting at commas: %w", text, err)
	}
	for _, p := range words {
		if p == "" {
			return a, fmt.Errorf("ssh %q: a path is empty", text)
		}
	}
	a.Paths = words
	return a, nil
}
