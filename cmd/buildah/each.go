package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
)

// withContainer opens the store and one working container in it.
func (p *program) withContainer(c *cli.Context, name string, work func(*builder.Engine, *builder.Builder) error) error {
	return p.withEngine(c, func(e *builder.Engine) error {
		b, err := builder.Open(e, name)
		if err != nil {
			return err
		}
		return work(e, b)
	})
}

// eachContainer does work on the named containers, or on all. It goes on after a
// failure: all but the last are reported as they come, the last is the error.
func (p *program) eachContainer(e *builder.Engine, names []string, all bool, work func(*builder.Builder) error) error {
	if !all {
		return p.eachContainerNamed(e, names, func(_ string, b *builder.Builder) error { return work(b) })
	}
	list, err := builder.OpenAll(e)
	if err != nil {
		return err
	}
	var last error
	for _, b := range list {
		last = p.goOn(last, work(b))
	}
	return last
}

func (p *program) eachContainerNamed(e *builder.Engine, names []string, work func(string, *builder.Builder) error) error {
	var last error
	for _, name := range names {
		b, err := builder.Open(e, name)
		if err == nil {
			err = work(name, b)
		}
		last = p.goOn(last, err)
	}
	return last
}

// goOn keeps the newest failure and reports the one before it.
func (p *program) goOn(last, err error) error {
	if err == nil {
		return last
	}
	if last != nil {
		fmt.Fprintf(p.stderr, "Error: %s\n", oneLine(last))
	}
	return err
}

// namesOrAll checks that there are names or --all, and not both.
func namesOrAll(all *bool) cli.BeforeFunc {
	return func(c *cli.Context) error {
		switch {
		case *all && c.NArg() > 0:
			return usageError{text: "when using the --all switch, you may not pass any container names or IDs"}
		case !*all && c.NArg() == 0:
			return usageError{text: c.Command.Name + " needs the name of a container, or --all", hint: "`buildah containers` lists the working containers"}
		}
		return nil
	}
}
