package network

import (
	"fmt"
	"regexp"
	"strings"
)

// Kind is a way to connect a namespace.
type Kind string

// The kinds. Private is the best that is there.
const (
	Private  Kind = "private"
	Netavark Kind = "netavark"
	Pasta    Kind = "pasta"
	Slirp    Kind = "slirp4netns"
)

// Choice is what a user asked for, besides the host's network, none, and that of a
// namespace that exists.
type Choice struct {
	Kind    Kind
	Names   []string // of networks, with Netavark; the first one has the default route
	Options []string // of pasta or slirp4netns
}

// namePattern is what networks may be called.
var namePattern = regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9_.-]*$`)

// Parse reads the word for a network: nothing or "private", "pasta" or "slirp4netns"
// with options after a colon, or names with commas between them.
func Parse(word string) (Choice, error) {
	head, tail, options := strings.Cut(word, ":")
	switch head {
	case "", "private", "container":
		if options {
			return Choice{}, fmt.Errorf("network %q: to join the network of a container, give its namespace with ns:PATH", word)
		}
		return Choice{Kind: Private}, nil
	case "pasta", "slirp4netns":
		c := Choice{Kind: Kind(head)}
		if tail != "" {
			c.Options = strings.Split(tail, ",")
		}
		return c, c.check()
	}
	c := Choice{Kind: Netavark, Names: strings.Split(word, ",")}
	return c, c.check()
}

func (c Choice) check() error {
	seen := map[string]bool{}
	for _, name := range c.Names {
		if !namePattern.MatchString(name) {
			return fmt.Errorf("network %q: a name has letters, digits, and after the first one also _, . and -", name)
		}
		if seen[name] {
			return fmt.Errorf("network %q is named twice", name)
		}
		seen[name] = true
	}
	if c.Kind == Slirp {
		_, err := slirpOptions(c.Options)
		return err
	}
	return nil
}
