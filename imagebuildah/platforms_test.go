package imagebuildah

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/events"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

func (r *recorder) CheckList(list string, tags []string, _ bool) error {
	for _, tag := range tags {
		if list == tag {
			return errors.New("the same name")
		}
	}
	return nil
}

func (r *recorder) AddToList(list string, images []string, o builder.AddToListOptions) (string, error) {
	r.logf("add to list %s: %s, renew %v", list, strings.Join(images, " "), o.Renew)
	return "$list", nil
}

func (r *recorder) MakeList(_ context.Context, names, images []string, _ builder.CommitOptions) (string, []string, error) {
	r.logf("make list %s: %s", names, strings.Join(images, " "))
	return "$list", names, nil
}

// BasePlatforms takes what comes after "for-" in a name apart.
func (r *recorder) BasePlatforms(_ context.Context, image string, _ builder.BaseOptions) ([]builder.Platform, error) {
	_, list, ok := strings.Cut(image, "for-")
	if !ok {
		return nil, errors.New("didn't resolve to a manifest list")
	}
	return platforms(r.t, strings.Split(strings.ReplaceAll(list, ".", "/"), "_")...), nil
}

// CheckMachine knows a machine that has no programs for s390x.
func (r *recorder) CheckMachine(p builder.Platform) error {
	if p.Arch == "s390x" {
		return errors.New("exec format error")
	}
	return nil
}

func platforms(t *testing.T, texts ...string) (list []builder.Platform) {
	t.Helper()
	for _, text := range texts {
		p, err := imageconfig.ParsePlatform(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, p)
	}
	return list
}

// buildLists builds a Dockerfile for two platforms.
func buildLists(t *testing.T, dockerfile string, o Options) (result Result, transcript, output string, err error) {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(dockerfile), 0o600); err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	r := newRecorder(t, o)
	o.Source.Context, o.Output.Events = dir, events.New(&events.Plain{Steps: &out}, time.Now)
	o.Jobs = 1
	o.Lists.Platforms = platforms(t, "linux/arm64", "linux/arm/v7")
	result, err = run(t.Context(), r, o)
	for _, l := range r.lines {
		r.logf("%s", l.text)
	}
	if len(r.open) > 0 {
		t.Errorf("left behind: %v", r.open)
	}
	return result, r.log.String(), out.String(), err
}

func TestPlatformsMakeLists(t *testing.T) {
	t.Parallel()
	result, transcript, output, err := buildLists(t, "FROM scratch\nARG TARGETPLATFORM\nLABEL for=$TARGETPLATFORM\n",
		Options{Tags: []string{"app", "app:2"}, Lists: Lists{Manifest: "all"}})
	if err != nil {
		t.Fatal(err)
	}
	var lists []string
	for line := range strings.Lines(transcript) {
		if strings.Contains(line, "list") || strings.Contains(line, "--label") {
			lists = append(lists, strings.TrimSpace(line))
		}
	}
	want := []string{
		"add to list all: $image $image_2, renew true", "make list [app app:2]: $image $image_2",
		`buildah config --label for=linux/arm64 "$ctr"`, `buildah config --label for=linux/arm/v7 "$ctr_2"`,
	}
	if got := strings.Join(ids(result), " "); got != "$image $image_2" {
		t.Errorf("images %s", got)
	}
	if diff := cmp.Diff(want, lists); diff != "" {
		t.Errorf("lists (-want +got):\n%s\n%s", diff, transcript)
	}
	for _, line := range []string{"[linux/arm64] STEP 1/3: FROM scratch\n", "[linux/arm/v7] STEP 3/3: LABEL for", "[linux/arm/v7] COMMIT\n", "Successfully tagged app:2\n"} {
		if !strings.Contains(output, line) {
			t.Errorf("no %q in:\n%s", line, output)
		}
	}
}

func ids(r Result) (list []string) {
	for _, img := range r.Images {
		list = append(list, img.ID)
	}
	return list
}

func TestPlatformsFailTogether(t *testing.T) {
	t.Parallel()
	dockerfile := "FROM base\nARG TARGETARCH\nFROM base AS base-arm64\nFROM base AS base-arm\nRUN fail\nFROM base-$TARGETARCH\nLABEL a=b\n"
	_, transcript, _, err := buildLists(t, strings.ReplaceAll(dockerfile, "FROM base\nARG TARGETARCH\n", "ARG TARGETARCH\n"),
		Options{Tags: []string{"app"}, Lists: Lists{Manifest: "all"}})
	var exit *builder.ExitError
	if !errors.As(err, &exit) || !strings.HasPrefix(err.Error(), "[linux/arm/v7]: ") {
		t.Errorf("error %v", err)
	}
	if strings.Contains(transcript, "list") || !strings.Contains(transcript, "remove image") {
		t.Errorf("a list was made, or an image left:\n%s", transcript)
	}
}

func TestPlatformsSameNameForListAndTag(t *testing.T) {
	t.Parallel()
	if _, _, _, err := buildLists(t, "FROM scratch\n", Options{Tags: []string{"x"}, Lists: Lists{Manifest: "x"}}); err == nil {
		t.Error("no error")
	}
}

func TestPlatformsEachWriteToTheirOwn(t *testing.T) {
	t.Parallel()
	logs := map[string]*strings.Builder{}
	split := func(p builder.Platform) (*events.Stream, error) {
		logs[p.String()] = &strings.Builder{}
		return events.New(&events.Plain{Steps: logs[p.String()]}, time.Now), nil
	}
	_, _, output, err := buildLists(t, "FROM scratch\nLABEL a=b\n", Options{Output: Output{Split: split}})
	if err != nil || output != "" {
		t.Errorf("error %v, output %q", err, output)
	}
	for name, log := range logs {
		if !strings.HasPrefix(log.String(), "["+name+"] STEP 1/2: FROM scratch\n") {
			t.Errorf("%s: %q", name, log)
		}
	}
	if len(logs) != 2 {
		t.Errorf("%d logs", len(logs))
	}
}

func TestSplitExportsShareAnArchive(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "out.tar")
	s, err := openSplit([]Export{{Dir: "/d"}, {File: file}})
	if err != nil {
		t.Fatal(err)
	}
	p := platforms(t, "linux/arm/v7")[0]
	list := s.forPlatform(p, false)
	if list[0].Dir != "/d/linux_arm_v7" || list[1].below != "linux_arm_v7" || !list[1].open || s.forPlatform(p, true)[1].open {
		t.Errorf("%+v", list)
	}
	if err := s.close(false); err != nil {
		t.Error(err)
	}
	if left, err := filepath.Glob(filepath.Join(filepath.Dir(file), ".*tar*")); err != nil || len(left) > 0 {
		t.Errorf("left %q, %v", left, err)
	}
}

func TestForeignProgramsAreFoundEarly(t *testing.T) {
	t.Parallel()
	_, transcript, _, err := buildLists(t, "FROM foreign AS a\nLABEL a=b\nFROM a\nCOPY Dockerfile /\nRUN true\n", Options{})
	var step *StepError
	var start *builder.StartError
	if !errors.As(err, &step) || !errors.As(err, &start) || step.place.first != 5 {
		t.Errorf("error %v", err)
	}
	if strings.Contains(transcript, "add ") {
		t.Errorf("a step was carried out:\n%s", transcript)
	}
	if _, transcript, _, err := buildLists(t, "FROM foreign\nCOPY Dockerfile /\n", Options{}); err != nil {
		t.Errorf("error %v:\n%s", err, transcript)
	}
}

func TestCommonPlatforms(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ dockerfile, want, fails string }{
		"one base":      {"FROM for-linux.arm64_linux.arm.v7\n", "linux/arm64 linux/arm/v7", ""},
		"two":           {"FROM for-linux.s390x_linux.arm64_linux.386 AS a\nFROM for-linux.386_linux.arm64\nCOPY --from=a / /\n", "linux/arm64 linux/386", ""},
		"unneeded":      {"FROM for-linux.s390x\nFROM for-linux.386\n", "linux/386", ""},
		"own platform":  {"FROM --platform=$BUILDPLATFORM one AS a\nFROM for-linux.386\nCOPY --from=a / /\n", "linux/386", ""},
		"target":        {"FROM --platform=$TARGETPLATFORM for-linux.386\n", "linux/386", ""},
		"heading":       {"ARG B=for-linux.386\nFROM $B AS a\nFROM a\n", "linux/386", ""},
		"in common":     {"FROM for-linux.s390x AS a\nFROM for-linux.386\nCOPY --from=a / /\n", "", "base images have no platforms in common"},
		"scratch":       {"FROM scratch\n", "", "build uses no non-scratch base images"},
		"not a list":    {"FROM base\n", "", "didn't resolve to a manifest list"},
		"no Dockerfile": {"FROM\n", "", "FROM requires"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "Dockerfile"), []byte(test.dockerfile), 0o600); err != nil {
				t.Fatal(err)
			}
			in, err := openInput(t.Context(), Source{Context: dir})
			if err != nil {
				t.Fatal(err)
			}
			o := Options{Args: map[string]string{}}
			got, err := in.commonPlatforms(t.Context(), newRecorder(t, Options{}), o)
			var texts []string
			for _, p := range got {
				texts = append(texts, p.String())
			}
			if strings.Join(texts, " ") != test.want || (err == nil) != (test.fails == "") || err != nil && !strings.Contains(err.Error(), test.fails) {
				t.Errorf("got %v, %v", texts, err)
			}
		})
	}
}
