package contexts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
)

// PreprocessError says that the preprocessor gave nothing.
type PreprocessError struct {
	File   string
	Status int    // of the preprocessor
	Said   string // what it wrote about it
}

func (e *PreprocessError) Error() string {
	return fmt.Sprintf("preprocessing %q: preprocessor produced no output: %s", e.File, e.Said)
}

// preprocessed pipes a file whose name ends in ".in" through cpp (spec build.md, 1.4).
func (c *Context) preprocessed(ctx context.Context, f File, o Options) (File, error) {
	if !strings.HasSuffix(f.Name, ".in") {
		return f, nil
	}
	program, err := exec.LookPath("cpp")
	if err != nil {
		return File{}, fmt.Errorf("reading %q: .in support requires cpp to be installed", f.Name)
	}
	included, flags := c.watch()
	args := append([]string{"-E", "-iquote", c.Dir, "-traditional", "-undef", "-"}, o.CPPFlags...)
	args = append(args, flags...)
	cmd := exec.CommandContext(ctx, program, args...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(f.Data), &out, &said
	err = cmd.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return File{}, context.Cause(ctx)
	case err != nil && !errors.As(err, &exit):
		return File{}, fmt.Errorf("preprocessing %q: %w", f.Name, err)
	}
	if outside := included.check(c); outside != nil { // before anything of it is shown
		return File{}, fmt.Errorf("preprocessing %q: %w", f.Name, outside)
	}
	switch {
	case err != nil && out.Len() == 0:
		return File{}, &PreprocessError{File: f.Name, Status: exit.ExitCode(), Said: strings.Join(strings.Fields(said.String()), " ")}
	case err != nil && o.Warn != nil:
		o.Warn("Ignoring %s", strings.Join(strings.Fields(said.String()), " "))
	}
	// Lines are those of what cpp wrote, so the name says that.
	f.Name, f.Data = f.Name+" (preprocessed)", out.Bytes()
	return f, nil
}
