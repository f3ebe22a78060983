package builder

import (
	"fmt"
	"io"
	"sync"

	"github.com/projectatomic/buildah/internal/binfmt"
)

// interpreters are those that we have registered with the kernel, once a process.
type interpreters struct {
	once sync.Once
	keep io.Closer
}

// emulators are qemu's words for architectures, where they are not those of images.
var emulators = map[string]string{
	"386": "i386", "amd64": "x86_64", "arm64": "aarch64", "loong64": "loongarch64", "mips64le": "mips64el", "mipsle": "mipsel",
}

// CheckMachine finds out whether this machine runs programs for a platform. The
// error says what to register; nil also means that it cannot be found out.
func (e *Engine) CheckMachine(p Platform) error {
	if p.Arch == "" {
		return nil
	}
	answer := binfmt.Supports(p.Arch)
	if answer != binfmt.Runs && e.registerInterpreters() {
		answer = binfmt.Supports(p.Arch)
	}
	if answer != binfmt.DoesNotRun {
		return nil
	}
	name := emulators[p.Arch]
	if name == "" {
		name = p.Arch
	}
	return fmt.Errorf("this machine does not run programs for %s (exec format error): "+
		"register an emulator with binfmt_misc, such as qemu-%s of the package qemu-user-static", p, name)
}

// prepareMachine registers interpreters for a container that is for another
// machine. Whether that was enough, its command tells.
func (e *Engine) prepareMachine(p Platform) {
	if p.Arch != "" && binfmt.Supports(p.Arch) != binfmt.Runs {
		e.registerInterpreters()
	}
}

// registerInterpreters tells the kernel once of the interpreters that this system
// has, when we are in a container: nobody else does it there.
func (e *Engine) registerInterpreters() (tried bool) {
	if value, _ := e.Host.Lookup("container"); value == "" {
		return false
	}
	e.interpreters.once.Do(func() {
		keep, err := binfmt.Register()
		if err != nil {
			e.warn("%v", err)
		}
		e.interpreters.keep = keep
	})
	return true
}
