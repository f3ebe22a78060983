package main

import (
	"errors"
	"strings"
	"syscall"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/userns"
)

// Rules of the voice: the error is one line that says what went wrong; a hint
// says what to do next, starts with a verb or a command, and ends without a full
// stop. Nothing else in this program knows exit statuses.

const (
	statusFailed = 125 // everything that is our failure, not a command's
	statusAbsent = 1   // what was looked for is not there
	statusStart  = 1   // the configuration could not be read, or a command not be started
)

// statusError carries an exit status that is not the usual one.
type statusError struct {
	status int
	cause  error
}

func (s statusError) Error() string { return s.cause.Error() }
func (s statusError) Unwrap() error { return s.cause }

// advice maps an error to an exit status and to lines that help the user go on.
func advice(err error) (status int, hints []string) {
	var (
		own    statusError
		usage  usageError
		inside *builder.ExitError
		start  *builder.StartError
		shown  interface{ Excerpt() string }
		step   *imagebuildah.StepError
	)
	if errors.As(err, &shown) && shown.Excerpt() != "" {
		hints = append(hints, shown.Excerpt())
	}
	if errors.As(err, &step) {
		hints = append(hints, stepHints(step)...)
	}
	hints = append(hints, confinedHints(err)...)
	hints = append(hints, registryHints(err)...)
	hints = append(hints, trustHints(err)...)
	hints = append(hints, mistakeHints(err)...)
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &own):
		return own.status, hints
	case errors.As(err, &inside): // their command failed, not ours: pass the status through
		return inside.Code, hints
	case errors.As(err, &start): // it could not even be started, which runtimes report as 1
		return statusStart, hints
	case errors.As(err, &usage):
		if usage.hint != "" {
			hints = append(hints, usage.hint)
		}
	case errors.Is(err, builder.ErrNotFound):
		hints = append(hints, "`buildah containers` lists the working containers")
	case errors.Is(err, builder.ErrBadRecord):
		hints = append(hints, "`buildah rm --force` removes the container")
	case errors.Is(err, builder.ErrMounted):
		hints = append(hints, "`buildah umount` it first, or use --force")
	case errors.Is(err, builder.ErrImageUnknown):
		hints = append(hints, "`buildah images` lists the images that are here; `buildah pull` fetches others")
	case errors.Is(err, syscall.ENOSPC):
		hints = append(hints, "`buildah prune` frees what nobody needs; --root chooses another place")
	}
	return statusFailed, hints
}

// chrootRefused tells whether a layer could not be unpacked because chroot is forbidden.
// What unpacks layers hands on nothing but a text.
func chrootRefused(err error) bool {
	text := err.Error()
	return strings.Contains(text, "chroot \"") && strings.Contains(text, "operation not permitted") &&
		(strings.Contains(text, "unpacking failed") || strings.Contains(text, "ApplyLayer"))
}

// confinedHints say what a container around us would have to allow.
func confinedHints(err error) []string {
	const more = "`buildah info --probe` shows what is allowed here"
	var refused *userns.RefusedError
	switch {
	case err == nil:
		return nil
	case chrootRefused(err):
		return []string{"the seccomp profile around us wants the capability SYS_CHROOT for that: --cap-add SYS_CHROOT, or in a pod \"capabilities: {add: [SYS_CHROOT]}\"", more}
	case errors.Is(err, store.ErrDriver):
		return []string{"use a volume for --root, or another store with --storage-driver vfs", more}
	case !errors.As(err, &refused):
		return nil
	}
	hints := make([]string, 0, len(refused.Obstacles)+1)
	for _, o := range refused.Obstacles {
		hints = append(hints, o.String())
	}
	return append(hints, more)
}

// oneLine is the text of an error without line breaks: joined errors become a list. What
// registries and images say in it must not steer the terminal.
func oneLine(err error) string {
	lines := strings.Split(strings.TrimSpace(err.Error()), "\n")
	for i, l := range lines {
		lines[i] = printable(strings.TrimSpace(l))
	}
	return strings.Join(lines, "; ")
}
