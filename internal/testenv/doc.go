// Package testenv lends tests what they run against: a temporary store, base
// images made from a map of files, OCI layouts, and a small registry inside
// the test's own process that can be told to misbehave.
//
// It is for tests only, so it may use everything and reports through testing.TB.
package testenv
