// Package chroot runs an OCI runtime spec without any other program: what
// `--isolation chroot` means.
//
// One helper process, our own binary started again, lives in the container's
// namespaces. It assembles the root file system, starts the command as its
// child, waits for it and reports. It is process 1 of a new PID namespace, so
// that its end is the end of everything that was started; where no fresh /proc
// can be mounted it keeps the host's process ids, collects orphans and kills
// all descendants itself.
//
//	buildah ── starts ──► helper (namespaces, mounts) ── fork ──► command
//	   │                     ▲  │
//	   ├── config (pipe) ────┘  │
//	   └── events (socket) ◄────┘  started, terminal, exit status, error
//
// No path that comes from an image is resolved on the host. The caller's side
// makes a detached mount of every source before it starts the helper; the
// helper resolves each target inside the root by openat2 and attaches the
// mount to the descriptor that gives. The helper runs from a read-only mount
// of our binary, so that the container cannot write to it.
package chroot
