// Package builder holds the working container and its primitives: the verbs
// that a shell script types and that a Dockerfile is replayed as.
//
// A working container is a container of the shared store with a record beside
// it (buildah.json). [From] makes one on an image, [Open] finds one again, and
// each verb (Mount, Add, Configure, Run, Commit, ...) is a method on the
// [Builder] that loads the record, does one thing and saves it.
//
// A program begins with [Init] and opens an engine:
//
//	func main() {
//		if builder.Init() {
//			return
//		}
//		e, err := builder.NewEngine(builder.EngineOptions{Host: builder.Host{Version: "1", Env: os.Environ()}})
//		...
//		defer e.Close()
//		b, err := builder.From(ctx, e, "docker.io/library/alpine", builder.FromOptions{})
//		...
//		err = b.Run(ctx, []string{"apk", "add", "nginx"}, builder.RunOptions{})
//		...
//		image, err := b.Commit(ctx, "localhost/web", builder.CommitOptions{Remove: true})
//
// Every options struct is passed by value, and its zero value is the default.
// Errors say what was being done; those that callers branch on are [ErrNotFound]
// and the like, and [ExitError] for a command that ran and failed. Sizes are in
// bytes, and paths are absolute unless something is said about them.
//
// The package never prints, exits or reads the environment: what it needs to
// know about the process comes in through [Engine].
package builder
