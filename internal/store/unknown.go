package store

import "fmt"

// UnknownError is a name that was looked up and not found, or not to be read. It is
// the error of the look-up, with the name for whoever guesses what was meant.
type UnknownError struct {
	What string // "image" or "container"; "" leaves the text to Err
	Name string
	Err  error
}

func (u *UnknownError) Error() string {
	if u.What == "" {
		return u.Err.Error()
	}
	return fmt.Sprintf("looking up %s %q: %v", u.What, u.Name, u.Err)
}

func (u *UnknownError) Unwrap() error { return u.Err }
