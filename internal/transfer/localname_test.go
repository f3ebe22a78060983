package transfer

import (
	"errors"
	"net"
	"testing"
	"time"
)

func TestPullMistypedLocalName(t *testing.T) {
	t.Parallel()
	if c, err := net.Dial("tcp", "localhost:443"); err == nil {
		_ = c.Close()
		t.Skip("something listens at localhost:443")
	}
	f := newFixture(t)
	o := PullOptions{Registry: f.open(t)}
	o.Registry.Retries, o.Registry.RetryDelay = 3, time.Hour
	_, err := f.Pull(t.Context(), "localhost/mistyped", o)
	var failed *RegistryError
	if !errors.As(err, &failed) || failed.Host != LocalHost || failed.Problem != NotListening {
		t.Errorf("got %v", err)
	}
}
