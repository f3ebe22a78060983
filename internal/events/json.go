package events

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"
	"time"
	"unicode/utf8"
)

// JSONVersion is that of the objects. It changes when a field takes another meaning
// or goes; new fields and new events do not change it.
const JSONVersion = 1

// JSON writes one object a line, for each event as soon as it is there. The manual
// of `build` lists them.
type JSON struct {
	Out     io.Writer
	Program string // that writes this, with its version

	begun bool
	part  map[partKey][]byte // of a character whose other bytes have not come yet
}

// partKey is one stream of output of one step.
type partKey struct {
	step *Step
	fd   int
}

// object is a line. What an event has nothing to say of is left out.
type object struct {
	Event    string       `json:"event"`
	Version  int          `json:"version,omitempty"`
	Program  string       `json:"program,omitempty"`
	Time     string       `json:"time"`
	Platform string       `json:"platform,omitempty"`
	Stage    *stageObject `json:"stage,omitempty"`
	Step     int          `json:"step,omitempty"` // from 1, over all stages

	Number  int      `json:"number,omitempty"` // of the step in its stage
	Steps   int      `json:"steps,omitempty"`  // of the stage
	Status  Status   `json:"status,omitempty"`
	Seconds *float64 `json:"seconds,omitempty"`
	Bytes   *int64   `json:"bytes,omitempty"`

	Stream  string `json:"stream,omitempty"`
	Text    string `json:"text,omitempty"`
	Base64  string `json:"base64,omitempty"`
	Reason  string `json:"reason,omitempty"`
	Message string `json:"message,omitempty"`

	Rule   string `json:"rule,omitempty"`
	URL    string `json:"url,omitempty"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`
	Column int    `json:"column,omitempty"`

	ID         string          `json:"id,omitempty"`
	Names      []string        `json:"names,omitempty"`
	Digest     string          `json:"digest,omitempty"`
	Images     []PlatformImage `json:"images,omitempty"`
	Failed     string          `json:"instruction,omitempty"`
	ExitStatus int             `json:"exitStatus,omitempty"`
	Hints      []string        `json:"hints,omitempty"`
}

// stageObject says which stage an event is about.
type stageObject struct {
	Number int    `json:"number"` // from 1
	Count  int    `json:"count"`
	Name   string `json:"name,omitempty"`
}

// Render writes an event.
func (j *JSON) Render(e Event) error {
	if !j.begun {
		j.begun, j.part = true, map[partKey][]byte{}
		if err := j.write(object{Event: "start", Version: JSONVersion, Program: j.Program}, e.Time); err != nil {
			return err
		}
	}
	if e.Kind == StepEnded {
		for fd := 1; fd <= 2; fd++ {
			if err := j.flush(e, fd); err != nil {
				return err
			}
		}
	}
	list := j.objects(e)
	for _, o := range list {
		o.where(e)
		if err := j.write(o, e.Time); err != nil {
			return err
		}
	}
	return nil
}

// Close has nothing to do: nothing is held back.
func (j *JSON) Close() error { return nil }

func (j *JSON) write(o object, at time.Time) error {
	o.Time = at.UTC().Format("2006-01-02T15:04:05.000000Z")
	encoder := json.NewEncoder(j.Out)
	encoder.SetEscapeHTML(false)
	return encoder.Encode(o)
}

// where says which platform, stage and step an event is about.
func (o *object) where(e Event) {
	if e.Group != nil {
		o.Platform = e.Group.Platform
		if at := e.Group.At; at.Count > 0 {
			o.Stage = &stageObject{Number: at.Index + 1, Count: at.Count, Name: at.Name}
		}
	}
	if e.Step != nil {
		o.Step = e.Step.id
	}
}

// objects are the lines of an event.
func (j *JSON) objects(e Event) []object {
	o := object{Event: string(e.Kind)}
	switch e.Kind {
	case GroupDeclared:
		return nil
	case GroupStarted, GroupEnded:
		return groupObject(e)
	case Output:
		return j.output(e)
	case Transfer, Log:
		return textLines(o, e.Data)
	case StepStarted:
		s := e.Step
		o.Number, o.Steps, o.Text, o.File, o.Line = s.Number, e.Group.Steps, s.Text, s.File, s.Line
	case StepEnded:
		o.Status, o.Seconds = e.Status, seconds(e)
		if e.Bytes != NoLayer {
			o.Bytes = &e.Bytes
		}
	case Warned:
		w := e.Warning
		o.Message, o.Rule, o.URL, o.File, o.Line, o.Column = w.Text, w.Rule, w.URL, w.File, w.Line, w.Column
	case Finished:
		r := e.Result
		o.ID, o.Names, o.Digest, o.Images = r.ID, r.Names, r.Digest, r.Images
	case Failure:
		f := e.Failed
		o.Message, o.Failed, o.File, o.Line, o.Column, o.ExitStatus, o.Hints = f.Text, f.Step, f.File, f.Line, f.Column, f.ExitStatus, f.Hints
	default:
		o.ID, o.Names, o.Reason, o.Steps = e.ID, e.Names, "", e.Steps
		if o.Text = e.Text; e.Kind == CacheMiss || e.Kind == NotCacheable {
			o.Text, o.Reason = "", e.Text
		}
	}
	return []object{o}
}

// groupObject tells of a build or of a stage. What was never begun does not end.
func groupObject(e Event) []object {
	o := object{Event: "build-" + string(e.Kind), Steps: e.Steps}
	if e.Group.At.Count > 0 {
		o.Event = "stage-" + string(e.Kind)
	}
	if e.Kind == GroupEnded {
		if e.Group.begun.IsZero() {
			return nil
		}
		o.Status, o.Seconds = e.Status, seconds(e)
	}
	return []object{o}
}

// seconds are rounded to microseconds.
func seconds(e Event) *float64 {
	s := time.Duration(e.Seconds * float64(time.Second)).Round(time.Microsecond).Seconds()
	return &s
}

// textLines are lines of text, an object each.
func textLines(o object, data []byte) (list []object) {
	for line := range strings.Lines(strings.ToValidUTF8(string(data), "\uFFFD")) {
		if o.Text = strings.TrimRight(line, "\r\n"); o.Text != "" {
			list = append(list, o)
		}
	}
	return list
}

// output is what a command wrote: text, or base64 where it is none. A character that
// two writes share is kept for the second.
func (j *JSON) output(e Event) []object {
	key := partKey{e.Step, e.FD}
	data := append(j.part[key], e.Data...)
	delete(j.part, key)
	if keep := incomplete(data); keep > 0 && e.Step != nil {
		j.part[key] = append([]byte(nil), data[len(data)-keep:]...)
		data = data[:len(data)-keep]
	}
	return outputObject(e.FD, data)
}

// flush writes the beginning of a character whose end never came.
func (j *JSON) flush(e Event, fd int) error {
	key := partKey{e.Step, fd}
	data := j.part[key]
	delete(j.part, key)
	for _, o := range outputObject(fd, data) {
		o.where(e)
		if err := j.write(o, e.Time); err != nil {
			return err
		}
	}
	return nil
}

func outputObject(fd int, data []byte) []object {
	if len(data) == 0 {
		return nil
	}
	o := object{Event: string(Output), Stream: "stdout"}
	if fd == 2 {
		o.Stream = "stderr"
	}
	if utf8.Valid(data) {
		o.Text = string(data)
	} else {
		o.Base64 = base64.StdEncoding.EncodeToString(data)
	}
	return []object{o}
}

// incomplete is how many bytes at the end begin a character that more would complete.
func incomplete(data []byte) int {
	for n := 1; n <= min(utf8.UTFMax-1, len(data)); n++ {
		if b := data[len(data)-n]; utf8.RuneStart(b) {
			if b >= utf8.RuneSelf && !utf8.FullRune(data[len(data)-n:]) {
				return n
			}
			return 0
		}
	}
	return 0
}
