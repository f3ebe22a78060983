package main

import (
	"fmt"
	"os"

	"github.com/projectatomic/buildah/internal/sourcepolicy"
)

// policyFlags say which images a build may start from.
type policyFlags struct{ file string }

func (f *policyFlags) options() []*option {
	return []*option{
		textOption("source-policy-file", "FILE", &f.file, "read from FILE which images may be used, and which are used instead of others"),
	}
}

func (f *policyFlags) settle() (*sourcepolicy.Policy, error) {
	if f.file == "" {
		return nil, nil // no policy allows everything
	}
	text, err := os.ReadFile(f.file)
	if err != nil {
		return nil, fmt.Errorf("loading source policy: %w", err)
	}
	p, err := sourcepolicy.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("loading source policy: %q: %w", f.file, err)
	}
	return p, nil
}
