package imagebuildah

import (
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/mountflag"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares got with a file of testdata.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Error(diff)
	}
}

// lines logs what the build prints.
type lines struct{ r *recorder }

func (l lines) Write(p []byte) (int, error) {
	for _, line := range strings.Split(strings.TrimSuffix(string(p), "\n"), "\n") {
		l.r.logf("| %s", line)
	}
	return len(p), nil
}

// stream logs what the build tells. What lint rules find is apart.
func (r *recorder) stream(p events.Plain) *events.Stream {
	p.Steps = lines{r}
	p.Warn = func(text string) { r.logf("! %s", text) }
	return events.New(&teller{Plain: p, r: r}, time.Now)
}

type teller struct {
	events.Plain
	r *recorder
}

func (t *teller) Render(e events.Event) error {
	if e.Warning.Rule != "" {
		t.r.findings = append(t.r.findings, e.Warning.Rule)
		return nil
	}
	return t.Plain.Render(e)
}

// transcript builds a Dockerfile with a recorder.
// A first line of the form "#! words" sets options.
func transcript(t *testing.T, text string, o Options) (*recorder, error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	furnish(t, dir, text)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := newRecorder(t, o)
	r.cancel = cancel
	o.Source.Context = dir
	if o.Source.Fetch.TempDir == "" {
		o.Source.Fetch = contexts.Options{Cwd: dir, TempDir: t.TempDir()}
	}
	words, _, _ := strings.Cut(text, "\n")
	o.Output.Events = r.stream(events.Plain{HideIDs: strings.Contains(words, "--iidfile")})
	result, err := r.run(ctx, o)
	r.text = strings.ReplaceAll(r.text, dir, "DIR")
	if err != nil {
		r.logf("error %s", strings.ReplaceAll(err.Error(), dir, "DIR"))
	} else {
		r.logf("result %s %q", result.ID, result.Names)
	}
	if len(r.open) > 0 && !o.Keep {
		t.Errorf("left behind: %v", r.open)
	}
	return r, err
}

// furnish makes the files of a context that a Dockerfile copies, but those whose
// names say that they are missing.
func furnish(t *testing.T, dir, text string) {
	t.Helper()
	list, _ := parseFile("Dockerfile", []byte(text))
	for _, in := range list {
		var sources []string
		switch c := in.cmd.(type) {
		case *instructions.CopyCommand:
			sources = c.SourcePaths
		case *instructions.AddCommand:
			sources = c.SourcePaths
		}
		for _, name := range sources {
			file := filepath.Join(dir, filepath.Join("/", name))
			if strings.Contains(name, "missing") || file == dir {
				continue
			}
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, nil, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// option sets one option by its flag, as far as the transcripts need them.
func option(t *testing.T, o *Options, word string) {
	t.Helper()
	name, value, _ := strings.Cut(strings.TrimPrefix(word, "--"), "=")
	switch name {
	case "layers":
		o.Layers = true
	case "squash":
		o.Commit.Squash = true
	case "keep":
		o.Keep = true
	case "iidfile": // for the transcript
	case "t":
		o.Tags = append(o.Tags, value)
	case "from":
		o.Overrides.From = value
	case "env":
		o.Overrides.Env = append(o.Overrides.Env, value)
	case "drop":
		o.Overrides.DropLabels, o.Overrides.DropAnnotations = true, true
	case "all-stages":
		o.Stages.All = true
	case "target":
		o.Stages.Target = value
	case "label":
		o.Overrides.Labels = append(o.Overrides.Labels, value)
	case "annotation":
		o.Commit.Metadata.Annotations = append(o.Commit.Metadata.Annotations, value)
	case "format":
		o.Commit.Format = builder.Format(value)
	case "timestamp":
		at := time.Unix(40, 0).UTC()
		o.Commit.Times.Timestamp = &at
	case "platform":
		p, err := imageconfig.ParsePlatform(value)
		if err != nil {
			t.Fatal(err)
		}
		o.Base.Platform = p
	case "build-arg":
		k, v, _ := strings.Cut(value, "=")
		if o.Args == nil {
			o.Args = map[string]string{}
		}
		o.Args[k] = v
	default:
		t.Fatalf("option %q is not known to the test", word)
	}
}

// wanted are the options in the first line of a Dockerfile: "#! words".
func wanted(t *testing.T, text string) (o Options) {
	t.Helper()
	first, _, _ := strings.Cut(text, "\n")
	if words, ok := strings.CutPrefix(first, "#! "); ok {
		for _, word := range strings.Fields(words) {
			option(t, &o, word)
		}
	}
	return o
}

func TestTranscripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.dockerfile")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			r, err := transcript(t, string(text), wanted(t, string(text)))
			name := strings.TrimSuffix(file, ".dockerfile")
			golden(t, name+".golden", r.log.String())
			if err == nil {
				golden(t, name+".script", r.text)
				checkScript(t, r.text)
			}
		})
	}
}

func TestFailedStep(t *testing.T) {
	t.Parallel()
	_, err := transcript(t, "FROM base\nENV A=1\nrun echo fail\\\n    more\nRUN never\n", Options{})
	var exit *builder.ExitError
	if !errors.As(err, &exit) || exit.Code != 3 {
		t.Errorf("no exit status in %v", err)
	}
	if want := "building at STEP \"RUN echo fail    more\": while running runtime: exit status 3"; err.Error() != want {
		t.Errorf("%s, want %s", err, want)
	}
	var step *StepError
	if !errors.As(err, &step) {
		t.Fatal("it is no StepError")
	}
	want := "Dockerfile:3\n  2 | ENV A=1\n> 3 | run echo fail\\\n> 4 |     more\n  5 | RUN never"
	_, excerpt, _ := strings.Cut(step.Excerpt(), "Dockerfile:")
	if diff := cmp.Diff(want, "Dockerfile:"+excerpt); diff != "" {
		t.Error(diff)
	}
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	r, err := transcript(t, "FROM base AS a\nRUN x\nFROM base\nCOPY --from=a /x /y\nRUN interrupt\nRUN never\n", Options{})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if strings.Contains(r.log.String(), "never") {
		t.Errorf("it went on:\n%s", r.log.String())
	}
}

func TestBadTag(t *testing.T) {
	t.Parallel()
	r, err := transcript(t, "FROM base\nRUN x\n", Options{Tags: []string{"ok", "TEST1"}})
	if err == nil || !strings.Contains(err.Error(), "tag TEST1: invalid reference format") || strings.Contains(r.log.String(), "STEP") {
		t.Errorf("%v\n%s", err, r.log.String())
	}
}

func TestSeveralFiles(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"a": "FROM base\nENV A=1\n", "b": "ENV B=1\nFROM base\n", "bad": "FROM base\nONBUILD FROM x\n", "escape": "# escape=x\nFROM base\n",
		"d/Dockerfile": "FROM base\nCOPY . /\n", "d/.dockerignore": "*.o\n",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"a", "b"}, "[2/2] STEP 1/1: FROM base"},
		{[]string{"a", "bad"}, "error bad:2:9: FROM isn't allowed as an ONBUILD trigger"},
		{[]string{"a", "escape"}, "parsing additional Dockerfile escape:1:10: invalid ESCAPE"},
		{[]string{"b"}, "error b:1:1: stage 1 requires a FROM instruction before ENV"},
		{[]string{"d/Dockerfile"}, `leaves out ["x.o"]`},
	} {
		r := newRecorder(t, Options{})
		o := Options{Source: Source{Context: filepath.Join(dir, "d"), Files: c.files, Fetch: contexts.Options{Cwd: dir}}, Output: Output{Events: r.stream(events.Plain{})}}
		if _, err := run(t.Context(), r, o); err != nil {
			r.logf("error %v", err)
		}
		if !strings.Contains(r.log.String(), c.want) {
			t.Errorf("%q: no %s in\n%s", c.files, c.want, r.log.String())
		}
	}
}

func FuzzMount(f *testing.F) {
	f.Add("type=bind,from=x,src=a,dst=/b,ro")
	f.Add("type=tmpfs,target=/x,size=3")
	f.Add("type=secret,id=x,env=Y")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := parseMount(text)
		if err == nil && m.Target == "" && m.Kind != mountflag.SSH && m.Key.Env == "" {
			t.Errorf("%q has no target", text)
		}
	})
}
