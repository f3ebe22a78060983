package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/sirupsen/logrus"
	"golang.org/x/term"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/events"
)

// display shows a build.
type display struct {
	p      *program
	way    string
	stream *events.Stream
	out    io.Writer // where IDs go
	errs   io.Writer // where what is no result goes
	logs   *platformLogs
	undo   []func()
	closed bool
}

// display begins to show a build. The caller ends it.
func (p *program) display(e *builder.Engine, f *buildFlags) (*display, error) {
	out, errs, done, err := p.buildStreams(f.result.logFile)
	if err != nil {
		return nil, err
	}
	d := &display{p: p, way: f.progress.way(p, f), out: out, errs: errs, undo: []func(){done}}
	warn := e.Warn
	renderer := func(out, errs io.Writer) events.Renderer {
		switch d.way {
		case progressJSON:
			return &events.JSON{Out: out, Program: "buildah " + programVersion}
		case progressTTY:
			return d.picture(e, f)
		}
		return f.plain(e.Host.TempDir, out, errs, func(text string) { warn("%s", text) })
	}
	d.stream = events.New(renderer(out, errs), time.Now)
	if d.way != progressPlain {
		d.collect(e)
	}
	e.Images.Report = d.stream.Transfers()
	d.logs = &platformLogs{base: f.result.logFile, renderer: renderer, of: map[string]*platformLog{}}
	if f.result.toStdout() {
		d.out = errs // standard output is the archive
	}
	return d, nil
}

// collect makes what would be written beside the display a part of it.
func (d *display) collect(e *builder.Engine) {
	warn, logs := e.Warn, logrus.StandardLogger().Out
	e.Warn = func(format string, args ...any) { d.stream.Warn(events.Warning{Text: fmt.Sprintf(format, args...)}) }
	logrus.SetOutput(d.stream.Logs())
	d.undo = append(d.undo, func() { e.Warn = warn; logrus.SetOutput(logs) })
}

// drawnEvery is how often the picture is drawn: often enough for it to look alive,
// seldom enough to cost nothing.
const drawnEvery = 100 * time.Millisecond

// picture draws on the terminal that standard error is.
func (d *display) picture(e *builder.Engine, f *buildFlags) *events.TTY {
	p := d.p
	t := &events.TTY{
		Out: p.stderr, Now: time.Now, Every: drawnEvery, TempDir: e.Host.TempDir, Explain: f.reuse.explain == "text",
		Color: p.env("NO_COLOR") == "",
		Size:  func() (columns, rows int) { return sizeOf(p.stderr) },
	}
	e.Images.Aside = t.Aside
	if ask := e.Images.Prompt; ask != nil {
		e.Images.Prompt = func(label string, secret bool) (word string, err error) {
			t.Aside(func() { word, err = ask(label, secret) })
			return word, err
		}
	}
	return t
}

// sizeOf is how large a terminal is, 0 when that cannot be told.
func sizeOf(terminal any) (columns, rows int) {
	if f, ok := terminal.(*os.File); ok {
		columns, rows, _ = term.GetSize(int(f.Fd()))
	}
	return columns, rows
}

// plain shows a build as lines.
func (f *buildFlags) plain(temp string, out, errs io.Writer, warn func(string)) *events.Plain {
	r := &events.Plain{
		Steps: out, Out: out, Err: errs, Transfer: errs, Warn: warn, HideIDs: f.result.iidFile != "",
		Explain: f.reuse.explain == "text", TempDir: temp,
	}
	if f.result.quiet || f.result.toStdout() {
		r.Steps, r.Out, r.Transfer = nil, nil, nil
	}
	return r
}

// close shows what is held back; the screen is the caller's again.
func (d *display) close() error {
	if d.closed {
		return nil
	}
	d.closed = true
	return errors.Join(d.stream.Close(), d.logs.end())
}

// settle shows what is held back, now that all is built. What programs read goes on
// until there is a result.
func (d *display) settle() error {
	if d.way == progressJSON {
		return nil
	}
	return d.close()
}

// tell tells what was built, in the files that are asked for and to those who look.
func (d *display) tell(f *resultFlags, r imagebuildah.Result) error {
	if d.way != progressJSON {
		if len(r.Images) > 0 {
			return errors.Join(f.tellMetadata(r), d.logs.tell(d.out, r))
		}
		return f.tell(d.logs.only(d.out), r)
	}
	toldFiles := f.tellMetadata(r)
	if len(r.Images) == 0 {
		toldFiles = f.tell(io.Discard, r)
	}
	if toldFiles != nil {
		return toldFiles
	}
	result := events.Result{ID: r.ID, Names: r.Names, Digest: string(r.Manifest.Digest)}
	for _, img := range r.Images {
		result.Images = append(result.Images, events.PlatformImage{Platform: img.Platform.String(), ID: img.ID})
	}
	d.stream.Result(result)
	d.logs.results(result)
	return nil
}

// end ends the display, of a build with this error.
func (d *display) end(err error) error {
	if err != nil && d.way == progressJSON {
		d.stream.Fail(failure(err))
	}
	err = errors.Join(err, d.close())
	d.logs.close()
	for _, undo := range slices.Backward(d.undo) {
		undo()
	}
	return err
}

// failure is an error as programs read it.
func failure(err error) events.Failed {
	var at *imagebuildah.SourceError
	var step *imagebuildah.StepError
	f := events.Failed{Text: oneLine(err)}
	f.ExitStatus, f.Hints = advice(err)
	if errors.As(err, &step) {
		f.Step = step.Step
		f.File, f.Line, f.Column = step.Place()
	} else if errors.As(err, &at) {
		f.File, f.Line, f.Column = at.File, at.Line, at.Column
	}
	return f
}
