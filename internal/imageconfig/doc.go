// Package imageconfig holds what an image says about itself: the command it
// starts, its environment, labels, history and platform. Every setting is kept
// in both formats, OCI and Docker, until a commit picks one; [Render] then gives
// the configuration blob and the manifest, and the same input always gives the
// same bytes.
//
// The package is pure: it reads no files, no environment and no clock.
package imageconfig
