// Package builder holds the working container and its primitives: the verbs
// that a shell script types and that a Dockerfile is replayed as.
//
// A working container is a container of the shared store with a record beside
// it (buildah.json). [From] makes one on an image, [Open] finds one again, and
// each verb (Mount, Add, Configure, Run, Commit, ...) is a method on the
// [Builder] that loads the record, does one thing and saves it.
//
// The package never prints, exits or reads the environment: what it needs to
// know about the process comes in through [Engine].
package builder
