// Package userns knows who runs us, and how to become root of a user namespace:
// what `buildah unshare` does, and every command of an ordinary user.
//
// Nothing here reads the environment: the command hands it in.
package userns
