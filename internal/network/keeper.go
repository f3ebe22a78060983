package network

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"time"

	"go.podman.io/storage/pkg/reexec"
	"golang.org/x/sys/unix"
)

// This file is the keeper, the entry point of a process of its own: it alone ends
// the process.

// keeperName is argv[0] of the keeper.
const keeperName = "buildah-network-keeper"

// wireFD is the descriptor of the keeper's end.
const wireFD = 3

// linger is how long a namespace that nobody uses is kept for another command.
const linger = 3 * time.Second

// Register declares what this package starts our own binary as; it is called before
// reexec.Init.
func Register() {
	reexec.Register(keeperName, keep)
	reexec.Register(holderName, hold)
}

// keep is the keeper's main function.
func keep() {
	dropInherited()
	// First of all: nothing that we have open may get into the programs that we start.
	if unix.CloseRange(wireFD, ^uint(0)>>1, unix.CLOSE_RANGE_CLOEXEC) != nil {
		unix.CloseOnExec(wireFD)
	}
	w, err := openWire(os.NewFile(wireFD, "wire"))
	if err != nil {
		os.Exit(1) //nolint:forbidigo // nobody can ask for anything
	}
	ctx := context.Background() //nolint:forbidigo // the main function of a process
	k := &keeper{ends: make(chan os.Signal, 1)}
	signal.Notify(k.ends, unix.SIGHUP, unix.SIGINT, unix.SIGTERM)
	if k.begin(ctx, w) == nil {
		for more := true; more; {
			more = k.serve(w)
			if more {
				w, more = k.idle()
			}
		}
	}
	if k.end(ctx) != nil {
		os.Exit(1) //nolint:forbidigo // what is left is for the sweep
	}
	os.Exit(0) //nolint:forbidigo // the end of the process
}

// keeper has one namespace.
type keeper struct {
	plan   plan
	state  *state
	space  space
	answer answer
	linked connector // nil before it was begun to connect
	ends   chan os.Signal

	// Of a program that connects for as long as it runs; it ends when childEnd is closed.
	child    *exec.Cmd
	childEnd *os.File
}

// begin makes and connects the namespace, and says how that went.
func (k *keeper) begin(ctx context.Context, w wire) error {
	err := w.in.Decode(&k.plan)
	if err == nil {
		err = k.connect(ctx)
	}
	if err != nil {
		k.answer = answer{Failed: err.Error()}
		err = errors.Join(err, k.end(ctx))
		_ = w.out.Encode(k.answer)
		return err
	}
	return w.out.Encode(k.answer)
}

func (k *keeper) connect(ctx context.Context) (err error) {
	if k.state, err = newState(k.plan.Dir, k.plan.ID); err != nil {
		return err
	}
	if err := k.record(); err != nil {
		return err
	}
	if k.space, err = newSpace(k.plan.IDs); err != nil {
		return err
	}
	k.linked = k.plan.connector()
	k.answer.Connection, err = k.linked.connect(ctx, k)
	k.answer.Path, k.answer.UserPath = k.space.path(), k.space.userPath()
	if err == nil {
		k.answer.Space, err = identity(k.answer.Path)
	}
	return err
}

// record keeps for the sweep what there is to be undone.
func (k *keeper) record() error {
	data, err := json.Marshal(k.plan)
	if err != nil {
		return err
	}
	return k.state.write(planFile, data)
}

// serve waits until who has the namespace needs it no more; false if nobody may
// have it after that.
func (k *keeper) serve(w wire) bool {
	released := make(chan release, 1)
	go func() {
		var r release
		_ = w.in.Decode(&r) // an error is the end of the other side
		released <- r
	}()
	defer func() { _ = w.conn.Close() }()
	select {
	case r := <-released:
		return r.Park && k.plan.Shared
	case <-k.ends:
		return false
	}
}

// idle waits for somebody else who needs such a namespace; false if nobody does.
func (k *keeper) idle() (wire, bool) {
	name := filepath.Join(k.plan.Dir, idlePrefix+k.plan.key()+"-"+shortID(k.plan.ID))
	l, stop, err := k.state.listen(name)
	if err != nil {
		return wire{}, false
	}
	defer stop()
	accepted := make(chan *net.UnixConn, 1)
	_ = l.SetDeadline(time.Now().Add(linger))
	go func() {
		conn, err := l.AcceptUnix()
		if err != nil {
			conn = nil
		}
		accepted <- conn
	}()
	select {
	case conn := <-accepted:
		if conn == nil {
			return wire{}, false
		}
		w := newWire(conn)
		if w.ofUs() != nil || w.out.Encode(k.answer) != nil {
			_ = conn.Close()
			return wire{}, false
		}
		return w, true
	case <-k.ends:
		return wire{}, false
	}
}

// end disconnects and removes everything; what fails is left for the sweep.
func (k *keeper) end(ctx context.Context) error {
	var err error
	if k.linked != nil {
		err = k.linked.disconnect(ctx, k)
		k.linked = nil
	}
	if k.space.net != nil {
		k.space.close()
		k.space = space{}
	}
	if k.state == nil {
		return err
	}
	state := k.state
	k.state = nil
	if err != nil {
		// The next command will sweep: it can say what went wrong.
		return errors.Join(fmt.Errorf("disconnecting: %w", err), state.lock.Close())
	}
	return state.remove()
}
