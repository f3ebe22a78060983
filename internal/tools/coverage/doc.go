// Package coverage finds out which flags of which commands the tests use: it
// reads the bats files and the Go tests, follows their helper functions, and
// makes docs/coverage.md of what it finds. It carries nothing out, so it only
// counts what it can see: a command line of the program with the flag in it.
package coverage
