package imagebuildah

import (
	"errors"

	"github.com/projectatomic/buildah/internal/mountflag"
)

// mount is the value of one RUN --mount, expanded and checked.
type mount struct {
	text string
	mountflag.Mount
}

// parseMount checks the value of a --mount flag, expanded. Where relative targets
// are, is only known when the step is run.
func parseMount(text string) (mount, error) {
	m, err := mountflag.ParseMount(text, mountflag.Context{Workdir: "/workdir", Rooted: true})
	var field *mountflag.FieldError
	if errors.As(err, &field) && field.Word == "" {
		return mount{}, errors.New("invalid mount option: there is none between two commas, or at the end")
	}
	if errors.As(err, &field) { // the rest of the mount stands around it
		return mount{}, blame(field.Word, field)
	}
	return mount{text: text, Mount: m}, err
}
