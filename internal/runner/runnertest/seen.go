package runnertest

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// processes: those of the host are not seen, nor can they be sent signals.
func processes(t *testing.T, f *fixture) {
	mark := fmt.Sprint(time.Now().UnixNano() % 1e6)
	other := exec.CommandContext(t.Context(), "sleep", "7444"+mark)
	must(t, other.Start())
	f.shell(t, `
		cat /proc/[0-9]*/cmdline | tr '\0' ' ' | grep -c "sleep [7]444`+mark+`"
		test $(ls -d /proc/[0-9]* | wc -l) -lt 10 || echo "there are others"
		kill -9 -1 2>/dev/null; true`).says(t, "0\n")
	must(t, other.Process.Signal(unix.Signal(0)))
	must(t, other.Process.Kill())
	_ = other.Wait()
}

// parentsEnvironment: what the caller's environment holds is in no file of /proc.
func parentsEnvironment(t *testing.T, f *fixture) {
	const secret = "canary-of-the-parents"
	t.Setenv("RUNNERTEST_CANARY", secret)
	o := f.shell(t, "cat /proc/*/environ /proc/*/task/*/environ /proc/*/cmdline 2>/dev/null | tr '\\0' '\\n'; env")
	if o.failure != nil || strings.Contains(o.out+o.err, secret) || !strings.Contains(o.out, "PATH=/bin") {
		t.Fatalf("run gives %v and shows:\n%s%s", o.failure, o.out, o.err)
	}
}
