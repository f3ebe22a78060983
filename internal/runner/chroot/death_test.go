package chroot

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/projectatomic/buildah/internal/runner"
	"go.podman.io/storage/pkg/reexec"
)

// callerName is the test binary in the part of a buildah that will be killed.
const callerName = "chroot-test-caller"

// caller runs a script of its arguments in a root, with host ids if there is a
// fourth argument.
func caller() {
	spec := newSpec(os.Args[1], "sh", "-c", os.Args[2])
	if len(os.Args) > 3 {
		withHostPIDs(spec)
	}
	err := New().Run(context.Background(), runner.Job{Spec: spec, Stdio: runner.Stdio{Out: os.Stdout}})
	fmt.Println(err)
}

// When we are killed, everything that we started is killed too.
func TestDeathOfTheCaller(t *testing.T) {
	t.Parallel()
	for name, more := range map[string][]string{"own": nil, "host": {"host"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mark := "97" + strings.ReplaceAll(time.Now().Format("150405.000000000"), ".", "")
			script := "trap '' TERM INT HUP; (setsid sleep " + mark + " &); echo started; sleep " + mark
			cmd := reexec.Command(append([]string{callerName, newRoot(t), script}, more...)...)
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			line, err := bufio.NewReader(out).ReadString('\n')
			if err != nil || line != "started\n" {
				t.Fatalf("%q %v", line, err)
			}
			if processes(t, mark) == "" {
				t.Fatal("nothing was started")
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			for range 100 {
				if processes(t, mark) == "" {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("still there: %s", processes(t, mark))
		})
	}
}
