package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"golang.org/x/term"
)

// errInterrupted is a question that the user did not want to answer.
var errInterrupted = errors.New("interrupted while waiting for an answer")

// ask asks the user for a word; a secret one is not shown. Whoever interrupts the
// question gets the terminal back as it was.
func (p *program) ask(label string, secret bool) (string, error) {
	fmt.Fprint(p.stderr, label)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(stop)
	fd := int(p.stdin.Fd())
	before, stateErr := term.GetState(fd)
	type answer struct {
		word string
		err  error
	}
	read := make(chan answer, 1)
	go func() {
		var a answer
		if secret {
			a.word, a.err = readSecret(fd)
		} else {
			a.word, a.err = p.readLine()
		}
		read <- a
	}()
	select {
	case a := <-read:
		if secret {
			fmt.Fprintln(p.stderr)
		}
		return a.word, a.err
	case <-stop:
		fmt.Fprintln(p.stderr)
		if stateErr == nil {
			return "", errors.Join(errInterrupted, term.Restore(fd, before))
		}
		return "", errInterrupted
	}
}

func readSecret(fd int) (string, error) {
	word, err := term.ReadPassword(fd)
	return string(word), err
}

// readLine reads one line, and nothing after it.
func (p *program) readLine() (string, error) {
	line, err := bufio.NewReaderSize(oneByOne{p.stdin}, 16).ReadString('\n')
	if errors.Is(err, io.EOF) && line != "" {
		err = nil
	}
	return strings.TrimRight(line, "\r\n"), err
}

// oneByOne reads single bytes, so that what follows a line is left to others.
type oneByOne struct{ r io.Reader }

func (o oneByOne) Read(b []byte) (int, error) {
	if len(b) > 1 {
		b = b[:1]
	}
	return o.r.Read(b)
}
