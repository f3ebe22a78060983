// Command buildah makes container images: from a shell script, one verb after
// the other, or from a Dockerfile.
//
// It is a face and nothing more. Each <name>.go holds one subcommand: flags in,
// a few calls of package builder, the result out. Only this package knows the
// command line, the environment, standard output and the exit status.
package main
