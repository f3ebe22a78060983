package imagebuildah

import (
	"errors"
	"fmt"

	"github.com/projectatomic/buildah/builder"
)

// errInsecure is a RUN that may not have the rights that it asks for.
var errInsecure = errors.New("--security=insecure gives the command all rights over this machine: allow that with --allow security.insecure")

// checkSecurity checks the value of RUN --security.
func checkSecurity(mode string) error {
	switch mode {
	case "", "sandbox", "insecure":
		return nil
	}
	return blame("--security="+mode, blame(mode, fmt.Errorf("unsupported value %q for \"RUN --security\", must be either \"sandbox\" or \"insecure\"%s",
		mode, didYouMean(mode, []string{"sandbox", "insecure"}))))
}

// checkRights refuses what needs rights that the caller did not give, as far as
// that is known before the first step.
func (b *build) checkRights(list []*instruction) error {
	for _, in := range list {
		if in.rights == "insecure" && !b.o.AllowInsecure {
			return in.fail(blame("--security=insecure", errInsecure))
		}
	}
	return nil
}

// setSecurity is RUN --security.
func (r *stageRun) setSecurity(o *builder.RunOptions, in *instruction) error {
	mode, err := in.src.word(in.rights, r.variables())
	if err != nil {
		return err
	}
	if err := checkSecurity(mode); err != nil {
		return err
	}
	if mode == "insecure" && !r.o.AllowInsecure {
		return errInsecure
	}
	o.Security.Insecure = mode == "insecure"
	return nil
}
