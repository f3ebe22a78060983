package chroot

import (
	"fmt"
	"os"
	"runtime"

	"go.podman.io/storage/pkg/reexec"
)

// helperName is argv[0] of the helper.
const helperName = "buildah-chroot-helper"

// Register makes this binary able to be the helper. main calls it once before
// reexec.Init.
func Register() {
	reexec.Register(helperName, helperMain)
}

// helperMain is the main function of the helper. It stays on one thread: that
// is the one whose namespaces and labels the command inherits.
func helperMain() {
	runtime.LockOSThread()
	if err := work(); err != nil {
		// Nobody listens any more; the standard error stream is the command's.
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1) //nolint:forbidigo // the entry point of a re-executed helper
	}
	end()
}

// end ends the helper and with it, where it is process 1, all others.
func end() {
	os.Exit(0) //nolint:forbidigo // the entry point of a re-executed helper
}
