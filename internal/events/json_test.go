package events

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// clock gives a time that is a quarter of a second later with each call.
func clock() func() time.Time {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.FixedZone("", 3600))
	return func() time.Time {
		at = at.Add(time.Second / 4)
		return at
	}
}

// golden compares with a file of testdata, which -update writes anew.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != got {
		t.Errorf("got:\n%s", got)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := New(&JSON{Out: &out, Program: "buildah 1"}, clock())
	told(s)
	b := s.Build("")
	b.Start(0)
	g := b.Stage(Position{Index: 0, Count: 1})
	g.Start(1)
	g.Step("RUN x", "Dockerfile", 2)
	g.Miss("file \"a\" changed")
	g.NotCacheable("")
	w := g.Output(1)
	for _, text := range []string{"a", "\xc3", "\xa4\xe2\x82", "\xac<&>\n", "\xff\x00", "end\xf0\x9f", ""} {
		fmt.Fprint(w, text)
	}
	g.EndStep(Done, 2048)
	g.Step("RUN y", "Dockerfile", 3)
	g.End(Failing)
	b.End(Failing)
	s.Warn(Warning{Text: "w", Rule: "R", URL: "u", File: "f", Line: 1, Column: 2})
	s.Result(Result{ID: "i", Names: []string{"n"}, Digest: "sha256:d", Images: []PlatformImage{{Platform: "linux/s390x", ID: "p"}}})
	s.Fail(Failed{Text: "message", Step: "RUN y", File: "Dockerfile", Line: 3, ExitStatus: 7, Hints: []string{"h"}})
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	golden(t, "testdata/json.golden", out.String())
	for line := range strings.Lines(out.String()) {
		if !json.Valid([]byte(line)) {
			t.Errorf("no JSON: %s", line)
		}
	}
	if _, err := New(&JSON{Out: broken{}}, clock()).Build("").Output(1).Write([]byte("x")); err == nil {
		t.Error("nobody hears that nobody reads")
	}
}
