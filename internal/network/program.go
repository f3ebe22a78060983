package network

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// patience is how long a program may take to connect a namespace.
const patience = 2 * time.Minute

// place is where programs are run: the directory for what they say, and their
// environment.
type place struct {
	dir string
	env []string
}

// call runs a program to its end, or until it has put itself into the background. What
// it says comes through a file: what stays in the background may keep it open.
func call(ctx context.Context, at place, in []byte, argv ...string) (out []byte, said string, err error) {
	var files [2]*os.File
	for i := range files {
		if files[i], err = os.CreateTemp(at.dir, "said-"); err != nil {
			return nil, "", err
		}
		defer func() {
			_ = files[i].Close()
			_ = os.Remove(files[i].Name())
		}()
	}
	ctx, stop := context.WithTimeout(ctx, patience)
	defer stop()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = at.env, "/"
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(in), files[0], files[1]
	err = cmd.Run()
	if ctx.Err() != nil {
		err = errors.New("it does not come to an end")
	}
	out, text := readBack(files[0]), readBack(files[1])
	return out, string(text), err
}

// answerLimit bounds what a program says, in bytes.
const answerLimit = 1 << 20

func readBack(f *os.File) []byte {
	data, err := io.ReadAll(io.NewSectionReader(f, 0, answerLimit))
	if err != nil {
		return nil
	}
	return data
}

// reason is the line in which a program says why it failed: the last one, or the
// first one if the rest explains how it is called.
func reason(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	if strings.HasPrefix(text, "Usage") || strings.Contains(text, "\nUsage") {
		return strings.TrimSpace(lines[0])
	}
	return strings.TrimSpace(lines[len(lines)-1])
}

// failed makes one line of a failure.
func failed(program, said string, err error) error {
	if said = reason(said); said == "" {
		return fmt.Errorf("%s: %w", program, err)
	}
	return fmt.Errorf("%s: %w: %s", program, err, said)
}

// findHelper looks for a program where helpers of container tools are.
func findHelper(name string, dirs []string) (string, error) {
	for _, dir := range dirs {
		path := filepath.Join(dir, name)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return path, nil
		}
	}
	return "", &MissingError{Program: name, Dirs: dirs}
}

// MissingError says that a program is not installed.
type MissingError struct {
	Program string
	Dirs    []string // where it was looked for
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed in %s", e.Program, strings.Join(e.Dirs, ", "))
}
