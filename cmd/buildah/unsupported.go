package main

import "fmt"

// unsupportedError is a flag that this version knows and cannot serve. It is
// never ignored: a build that lacks what was asked for is worse than none.
type unsupportedError struct{ flag, instead string }

func (u unsupportedError) Error() string {
	return fmt.Sprintf("--%s is not supported in this version of buildah: %s", u.flag, u.instead)
}

// refusal is one flag of this kind.
type refusal struct {
	name    string // as for newOption
	word    string // "" for a switch
	instead string // what to do
	allowed string // the value that asks for nothing, and is accepted; "false" for switches
}

// refuse makes the options of flags that cannot be served. They are hidden.
func refuse(list []refusal) []*option {
	options := make([]*option, len(list))
	for i, r := range list {
		var o *option
		o = newOption(r.name, r.word, "not supported in this version", func(value string) error {
			if value == r.allowed || r.allowed == "" && r.word == "" && value == "false" {
				return nil
			}
			return unsupportedError{flag: o.name, instead: r.instead}
		})
		options[i] = o.hide()
	}
	return options
}

const insteadOfWorkload = "convert the image with another tool"

// refusedOfWorkload is the flag about confidential workloads.
func refusedOfWorkload() refusal {
	return refusal{name: "cw", word: "OPTIONS", instead: insteadOfWorkload}
}
