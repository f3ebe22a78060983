//go:build linux && !cgo

package chroot

import "errors"

func spawn(*plan) (int, error) {
	return 0, errors.New("chroot isolation needs a build with cgo: use --isolation oci, or build with CGO_ENABLED=1")
}
