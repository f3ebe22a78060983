package imagebuildah

import (
	"context"
	"io"
	"os"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/binfmt"
)

// machineOf tells for which machine the programs of a base are. The configuration
// of an image that is built says what was asked for, which may be another one.
func (r *stageRun) machineOf(st builder.State) builder.Platform {
	switch {
	case r.stage.base != none:
		return r.nodes[r.stage.base].result.machine // which is what this stage is on
	case st.ImageID == "":
		return builder.Platform{} // that of whatever is copied into it
	}
	p := st.Image.Platform()
	return builder.Platform{OS: p.OS, Arch: p.Arch, Variant: p.Variant}
}

// checkMachine finds a RUN that cannot work here before the first step of the
// stage, which may take long.
func (r *stageRun) checkMachine(ctx context.Context) error {
	at := slices.IndexFunc(r.steps, func(in *instruction) bool { return in.verb() == "RUN" })
	if at < 0 {
		return nil
	}
	err := r.engine.CheckMachine(r.machine)
	if err == nil || r.runsAnyway(ctx) {
		return nil
	}
	in := r.steps[at]
	err = &builder.StartError{Command: in.text(), Reason: err.Error()}
	return &StepError{Step: in.shown(), Err: err, place: in.placeOf(err), early: true}
}

// runsAnyway tells that a base says it is for another machine, and yet its shell is
// for this one.
func (r *stageRun) runsAnyway(ctx context.Context) bool {
	root, done, err := r.ws.Root(ctx)
	if err != nil {
		return false
	}
	defer done()
	shell, err := root.OpenFile(r.ws.Image().ShellCommand(nil, false)[0], os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer shell.Close()
	beginning := make([]byte, 64)
	if _, err := io.ReadFull(shell, beginning); err != nil {
		return false
	}
	arch := binfmt.Architecture(beginning)
	return arch != "" && r.engine.CheckMachine(builder.Platform{OS: "linux", Arch: arch}) == nil
}
