package main

import (
	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/transfer"
)

// pullFlags say when a registry is asked for a base image.
type pullFlags struct {
	policy        string
	always, never bool
}

func (f *pullFlags) options() []*option {
	f.policy = "missing"
	return []*option{
		textOption("pull", "POLICY", &f.policy, "ask the registry for the image: missing, always, newer or never; alone it means always").alone("always"),
		boolOption("pull-always", &f.always, "the same as --pull=always").hide(),
		boolOption("pull-never", &f.never, "the same as --pull=never").hide(),
	}
}

// settle gives the policy; given tells whether --pull was on the command line.
func (f *pullFlags) settle(given bool) (builder.PullPolicy, error) {
	chosen := 0
	for _, one := range []bool{given, f.always, f.never} {
		if one {
			chosen++
		}
	}
	if chosen > 1 {
		return transfer.PullMissing, usageError{text: "can only set one of 'pull' or 'pull-always' or 'pull-never'"}
	}
	switch {
	case f.always:
		return transfer.PullAlways, nil
	case f.never:
		return transfer.PullNever, nil
	}
	policy, err := transfer.ParsePullPolicy(f.policy)
	if err != nil {
		return policy, usageError{cause: err}
	}
	return policy, nil
}
