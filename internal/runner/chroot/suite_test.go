package chroot

import (
	"testing"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/runner/runnertest"
)

func TestSuite(t *testing.T) {
	runnertest.Suite(t, func(*testing.T) runner.Runner { return New() })
}

// TestSuiteRootless is the same for an ordinary user.
func TestSuiteRootless(t *testing.T) { runnertest.Rootless(t, "TestSuite") }
