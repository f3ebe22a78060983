// Package transports tries every command that takes an image with every transport,
// and holds the table of docs/transports.md against what happens.
package transports
