package imagebuildah

import (
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/builder"
)

func TestTail(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("0123456789abcde\n", 2000)
	for name, c := range map[string]struct {
		writes []string
		want   []string
	}{
		"nothing":               {nil, nil},
		"in parts":              {[]string{"on", "e\ntw", "o"}, []string{"one", "two"}},
		"empty lines stay":      {[]string{"one\n\ntwo\n\n"}, []string{"one", "", "two"}},
		"more than is kept":     {[]string{many, "end\n"}, append(strings.Split(strings.Repeat("0123456789abcde ", 9), " ")[:9], "end")},
		"byte by byte":          {strings.Split(many, ""), strings.Split(strings.Repeat("0123456789abcde ", 10), " ")[:10]},
		"control characters":    {[]string{"a\x1b[1mb\r\n\tc\x00\xffd"}, []string{"a[1mb", "\tcd"}},
		"a line that is long":   {[]string{strings.Repeat("ä", 100)}, []string{strings.Repeat("ä", 60) + "..."}},
		"a line without an end": {[]string{strings.Repeat("x", 3*tailBytes)}, []string{strings.Repeat("x", 120) + "..."}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := &tail{}
			for _, text := range c.writes {
				if n, err := io.WriteString(got, text); n != len(text) || err != nil {
					t.Fatal(n, err)
				}
			}
			if diff := cmp.Diff(c.want, got.lines()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFailedName(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]struct {
		stage, image string
		tags         []string
	}{
		"builder-failed": {stage: "builder", image: "base", tags: []string{"tag"}},
		"web-failed":     {image: "base", tags: []string{"docker://host:5000/team/web:1", "other"}},
		"out.tar-failed": {image: "base", tags: []string{"oci-archive:/some/out.tar:name"}},
		"base-failed":    {image: "docker.io/library/base@sha256:0123"},
		"dir-failed":     {image: "oci:./dir"},
		"failed":         {image: "\"ö\""},
	} {
		r := &stageRun{build: &build{o: Options{Tags: c.tags}}, stage: &stage{name: c.stage, image: c.image}}
		if got := r.failedName(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestKeepFailed(t *testing.T) {
	t.Parallel()
	const text = "FROM base\nRUN one\nRUN fail\n"
	r, err := transcript(t, text, Options{KeepFailed: true})
	var step *StepError
	if !errors.As(err, &step) || step.Container != "base-failed" || !step.Ran() {
		t.Errorf("got %#v\n%s", err, r.log.String())
	}
	_, err = transcript(t, text, Options{})
	if !errors.As(err, &step) || step.Container != "" || !step.Ran() {
		t.Errorf("got %#v", err)
	}
	_, err = transcript(t, "FROM base\nCOPY ${X:-missing} /\n", Options{KeepFailed: true})
	if !errors.As(err, &step) || step.Container == "" || step.Ran() {
		t.Errorf("got %#v", err)
	}
	if !(&StepError{Err: &builder.StartError{}}).Ran() {
		t.Error("a command that cannot be started is none that ran")
	}
}
