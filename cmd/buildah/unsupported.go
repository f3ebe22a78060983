package main

import "fmt"

// unsupportedError is a flag that this version knows and cannot serve. It is
// never ignored: a build that lacks what was asked for is worse than none.
type unsupportedError struct{ flag, instead string }

func (u unsupportedError) Error() string {
	return fmt.Sprintf("--%s is not supported in this version of buildah: %s", u.flag, u.instead)
}

// unsupported are such flags of what makes images. They are hidden.
func unsupported() []*option {
	return []*option{
		newOption("cw", "OPTIONS", "not supported in this version", func(string) error {
			return unsupportedError{flag: "cw", instead: "convert the image with another tool"}
		}).hide(),
	}
}
