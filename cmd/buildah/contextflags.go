package main

import (
	"os"

	"github.com/projectatomic/buildah/internal/contexts"
)

// contextFlags are the further contexts of a build.
type contextFlags struct{ named []contexts.Named }

func (f *contextFlags) options() []*option {
	return []*option{
		newOption("build-context", "NAME=VALUE", "a directory, repository, archive or image that COPY, RUN and FROM may name", func(s string) error {
			cwd, err := os.Getwd()
			if err != nil {
				return err
			}
			n, err := contexts.ParseNamed(s, cwd)
			f.named = append(f.named, n)
			return err
		}),
	}
}
