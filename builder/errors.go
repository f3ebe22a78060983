package builder

import (
	"errors"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/store"
)

// What callers branch on. Everything else is only text.
var (
	// ErrNotFound is a working container that does not exist.
	ErrNotFound = store.ErrContainerUnknown
	// ErrImageUnknown is an image that is not in the store.
	ErrImageUnknown = store.ErrImageUnknown
	// ErrNameInUse is a name that another container has.
	ErrNameInUse = store.ErrNameInUse
	// ErrBadRecord is a buildah.json that is broken or of another type. It is never overwritten.
	ErrBadRecord = errors.New("not a usable working container record")
	// ErrInUse is an image that a container still needs.
	ErrInUse = store.ErrImageInUse
	// ErrMounted is a container that cannot be removed because it is mounted.
	ErrMounted = errors.New("container is mounted")
)

// StartError is a command that could not be started at all.
type StartError = runner.StartError

// ExitError is the status of a command that was run and failed.
type ExitError = runner.ExitError
