// Package fleet builds many images on several machines that share what steps came to
// through a registry. Each machine is a network namespace with a store of its own, so
// that nothing but the registry is between them.
//
// The tests prove that all images are built, and that no build carries out a step which
// the registry had when the build began. What they count and time is in docs/fleet.md:
//
//	SOAK=1 go test -v -run TestFleet ./tests/fleet
package fleet
