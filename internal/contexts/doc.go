// Package contexts finds what a build reads: the context (a directory, an
// archive or a Dockerfile on standard input, an archive or a Dockerfile of an
// HTTP server, a git repository), the Dockerfiles and the ignore file.
//
// What is fetched lies in a temporary directory that [Context.Close] removes.
// Names inside a context are resolved inside it, whatever its links say.
package contexts
