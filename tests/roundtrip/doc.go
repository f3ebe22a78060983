// Package roundtrip holds the tests that send every kind of file through every
// way a layer can take: made in a working container, committed, pushed, pulled by
// this program and by others, compared entry by entry; and those that kill the
// program, fill its disk or race it, and then ask the storage library whether the
// store is sound. They run the real program.
package roundtrip
