// Package docs runs the code blocks of the documentation, in a world of their own where
// registry.example.com and docker.io answer, and holds the output that a page shows
// against the real one.
//
//   - A page is one shell with `set -e`, in an empty directory. Blocks ```sh are run in
//     order; of blocks ```console the lines that begin with "$ " are, and what is below
//     each must be what it prints. An output with a line "Error: ..." is of a command that fails.
//   - In an output, "..." on a line of its own stands for any lines, within a line for any
//     text; hexadecimal IDs, times, ages and sizes equal any others.
//   - <!-- not run: REASON --> before a block excuses it, at the head of a page all of it.
//   - <!-- run ... --> is a script that readers do not see; <!-- file: NAME --> before a
//     block of any language writes it to a file; <!-- user --> before a block has an
//     ordinary user run it.
//
// `go test ./tests/docs -run TestPages/NAME -update` puts the real output into a page.
package docs
