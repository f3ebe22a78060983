package runner

import "testing"

func TestExitErrorText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err  ExitError
		want string
	}{
		{ExitError{Code: 3}, "exit status 3"},
		{ExitError{Code: 1, Signal: "SIGTERM"}, "container exited on SIGTERM"},
		{ExitError{Code: 137, Memory: OutOfMemory{Killed: true, Limit: 20 << 20}}, "killed by the out-of-memory killer at 20 MiB: exit status 137"},
		{ExitError{Code: 1, Signal: "SIGKILL", Memory: OutOfMemory{Killed: true, Limit: 3 << 19}}, "killed by the out-of-memory killer at 1.5 MiB: container exited on SIGKILL"},
		{ExitError{Code: 137, Memory: OutOfMemory{Killed: true}}, "killed by the out-of-memory killer: exit status 137"},
		{ExitError{Code: 2, Memory: OutOfMemory{Limit: 1 << 20}}, "exit status 2"},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
