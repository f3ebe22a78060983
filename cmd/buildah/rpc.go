package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/reflection"

	"github.com/projectatomic/buildah/builder"
)

// rpcFlags are what `rpc` is told.
type rpcFlags struct{ env, listen string }

func (p *program) rpcCommand() *cli.Command {
	var f rpcFlags
	env := os.Environ() // before this program sets TMPDIR
	return &cli.Command{
		Name:      "rpc",
		Usage:     "run a command beside a gRPC server",
		ArgsUsage: "COMMAND [ARG ...]",
		Description: "The server listens on a socket as long as the command runs. It tells of itself by reflection, and has the\n" +
			"service buildah.v1.NoOp, which does nothing. The exit status is that of the command.",
		Category:  systemGroup,
		UsageText: "buildah rpc --env SERVER sh -c 'grpcurl -plaintext $SERVER list'",
		Hidden:    true,
		Before:    takes(1, anyNumber),
		Flags: asFlags([]*option{
			textOption("env,e", "NAME", &f.env, "put the address of the server into this variable of the command"),
			textOption("listen,l", "PATH", &f.listen, "listen on this socket, which must not be there; else on one below the run root"),
		}),
		Action: func(c *cli.Context) error {
			return p.withEngine(c, func(e *builder.Engine) error {
				return serveRPC(c.Context, e.Store.RunRoot(), f, func(address string) error {
					if f.env != "" {
						env = append(env, f.env+"="+address)
					}
					return p.start(c.Context, c.Args().Slice(), env)
				})
			})
		},
	}
}

// serveRPC serves while work is done, which gets the address. The socket is gone
// afterwards.
func serveRPC(ctx context.Context, runRoot string, f rpcFlags, work func(address string) error) (err error) {
	path := f.listen
	if path == "" {
		dir, err := os.MkdirTemp(runRoot, "rpc-")
		if err != nil {
			return fmt.Errorf("making a directory for the socket: %w", err)
		}
		defer os.RemoveAll(dir)
		path = filepath.Join(dir, "socket")
	}
	path, err = filepath.Abs(path)
	if err != nil {
		return fmt.Errorf("finding the socket: %w", err)
	}
	const longest = 107 // unix(7), sun_path without the final zero
	if len(path) > longest {
		return usageError{
			text: fmt.Sprintf("the path of a socket has at most %d characters: %q", longest, path),
			hint: "give a shorter one with --listen",
		}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "unix", path)
	if err != nil {
		return fmt.Errorf("listening: %w", err)
	}
	server := grpc.NewServer()
	if err := registerNoOp(server); err != nil {
		return errors.Join(err, listener.Close())
	}
	reflection.Register(server)
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	err = work("unix://" + path)
	server.Stop() // closes the listener, which removes the socket
	if serr := <-served; serr != nil {
		err = errors.Join(err, fmt.Errorf("serving on %q: %w", path, serr))
	}
	return err
}
