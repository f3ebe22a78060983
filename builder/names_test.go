package builder

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.podman.io/storage"
)

func TestContainerName(t *testing.T) {
	t.Parallel()
	id := strings.Repeat("0123456789abcdef", 4)
	for _, c := range []struct {
		st           State
		suffix, want string
	}{
		{State{}, "", "working-container"},
		{State{}, "s", "s"},
		{State{ImageName: "quay.io/a/fedora:40", ImageID: id}, "", "fedora-working-container"},
		{State{ImageName: "quay.io/a/fedora@sha256:" + id, ImageID: id}, "", "fedora-working-container"},
		{State{ImageName: "fedora", ImageID: id}, "s", "fedora-s"},
		{State{ImageName: "localhost:5000/app", ImageID: id}, "", "localhost-working-container"},
		{State{ImageID: id}, "", "0123456789ab-working-container"},
		{State{ImageID: id, transport: "oci-archive"}, "", "oci-archive-working-container"},
		{State{ImageID: id, transport: "dir", ImageName: "localhost/x:1"}, "", "x-working-container"},
	} {
		if got := c.st.containerName(c.suffix); got != c.want {
			t.Errorf("%+v with suffix %q: got %q, want %q", c.st, c.suffix, got, c.want)
		}
	}
}

// TestNames makes containers whose names collide, and finds them again.
func TestNames(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	id := v.image("base", smallFiles())
	var got []string
	for range 3 {
		got = append(got, v.from("base").Name())
	}
	byID := v.from(id[:12])
	got = append(got, byID.Name(), v.from(Scratch).Name(), v.from(Scratch).Name(), v.from("base", named("mine")).Name())
	want := []string{
		"base-working-container", "base-working-container-1", "base-working-container-2", "base-working-container-3",
		"working-container", "working-container-1", "mine",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if _, err := From(t.Context(), v.Engine, Scratch, FromOptions{Name: "mine"}); !errors.Is(err, ErrNameInUse) {
		t.Errorf("the same name again: got the error %v", err)
	}
	for _, text := range []string{byID.ID(), byID.Name(), byID.ID()[:20]} {
		if b := try(Open(v.Engine, text))(t); b.ID() != byID.ID() {
			t.Errorf("opening %q gave %q", text, b.Name())
		}
	}
	if _, err := Open(v.Engine, "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an unknown container: got the error %v", err)
	}
	if byID.Record().FromImage != "localhost/base:latest" {
		t.Errorf("a base given by its ID is called %q", byID.Record().FromImage)
	}
}

func TestRename(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	one, two := v.from(Scratch, named("one")), v.from(Scratch, named("two"))
	for _, name := range []string{"one", "two", two.ID(), two.ID()[:10]} {
		if err := one.Rename(name); !errors.Is(err, ErrNameInUse) {
			t.Errorf("renaming to %q: got the error %v", name, err)
		}
	}
	if err := one.Rename("three"); err != nil {
		t.Fatal(err)
	}
	again := try(Open(v.Engine, "three"))(t)
	stored := try(v.Store.Container("three"))(t)
	if again.ID() != one.ID() || again.Name() != "three" || !cmp.Equal(stored.Names, []string{"three"}) {
		t.Errorf("after renaming: record %q, store %q", again.Name(), stored.Names)
	}
	if _, err := Open(v.Engine, "one"); !errors.Is(err, ErrNotFound) {
		t.Errorf("the old name: got the error %v", err)
	}
	// Another tool renamed it: look-ups use the store, the record keeps its word.
	if err := v.Store.RenameContainer(two.ID(), "elsewhere"); err != nil {
		t.Fatal(err)
	}
	if b := try(Open(v.Engine, "elsewhere"))(t); b.ID() != two.ID() || b.Name() != "two" {
		t.Errorf("after a foreign renaming: %q", b.Name())
	}
}

// foreign makes a container as another tool does: without a record.
func (v *env) foreign(name, image string) string {
	v.t.Helper()
	c := try(v.Store.Raw().CreateContainer("", []string{name}, image, "", "", &storage.ContainerOptions{}))(v.t)
	return c.ID
}

func (v *env) recordPath(id string) string {
	return filepath.Join(try(v.Store.ContainerDir(id))(v.t), recordFile)
}

// TestAdopt opens a container of another tool, which makes it one of ours.
func TestAdopt(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	image := v.image("base", smallFiles())
	id := v.foreign("pod", image)
	if all := try(OpenAll(v.Engine))(t); len(all) != 0 {
		t.Errorf("a foreign container is listed as ours: %v", all)
	}
	b := try(Open(v.Engine, id[:16]))(t)
	r := b.Record()
	if r.Container != id[:16] || r.ContainerID != id || r.FromImageID != image || r.FromImage != "localhost/base:latest" ||
		b.Image().Docker.Parent != image || b.Image().Docker.Config.Image != image || r.Annotations[annotationBaseName] != r.FromImage {
		t.Errorf("the record made for it: %q, %q, on %q, %v", r.Container, r.ContainerID, r.FromImage, r.Annotations)
	}
	if len(r.Capabilities) == 0 || r.CommonBuildOpts == nil {
		t.Error("commands in it would have no rights at all")
	}
	if _, err := os.Stat(v.recordPath(id)); err != nil || len(try(OpenAll(v.Engine))(t)) != 1 {
		t.Errorf("it was not kept: %v", err)
	}
	v.write(b, "new", "x")
	if done := v.commit(b, "adopted"); len(done.State.Image.OCI.RootFS.DiffIDs) != 2 {
		t.Errorf("its image has the layers %v", done.State.Image.OCI.RootFS.DiffIDs)
	}
	bare := v.foreign("bare", "")
	if _, err := Open(v.Engine, "bare"); err == nil {
		t.Error("a container without an image was adopted")
	}
	if _, err := os.Stat(v.recordPath(bare)); err == nil {
		t.Error("a container without an image got a record")
	}
}

// TestBadRecord checks that a container whose record is none of ours is refused
// by name, passed over in listings, and that nothing touches the file.
func TestBadRecord(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	image := v.image("base", smallFiles())
	good := v.from("base")
	for name, text := range map[string]string{"newer": `{"type":"buildah 9"}`, "broken": `{"type":`, "empty": ""} {
		id := v.foreign(name, image)
		putRecord(t, filepath.Dir(v.recordPath(id)), text)
		if _, err := Open(v.Engine, name); !errors.Is(err, ErrBadRecord) {
			t.Errorf("%s: got the error %v", name, err)
		}
		if got := string(try(os.ReadFile(v.recordPath(id)))(t)); got != text {
			t.Errorf("%s: the record was overwritten: %s", name, got)
		}
	}
	if all := try(OpenAll(v.Engine))(t); len(all) != 1 || all[0].ID() != good.ID() {
		t.Errorf("listed as ours: %d containers", len(all))
	}
	ours := try(v.ListContainers(false))(t)
	every := try(v.ListContainers(true))(t)
	if len(ours) != 1 || len(every) != 4 {
		t.Errorf("listed: %d of ours, %d in all", len(ours), len(every))
	}
}

// TestTriggers replays ONBUILD instructions when a container is made, once.
func TestTriggers(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("plain", smallFiles())
	b := v.from("plain")
	for _, text := range []string{"ENV A=1", "LABEL l=$A", "WORKDIR /w", "COPY --from=plain --chown=u d/f copied"} {
		b.image.AddOnBuild(text)
	}
	v.commit(b, "triggers", func(o *CommitOptions) { o.Format = "docker" })
	var steps []string
	c := v.from("triggers", func(o *FromOptions) { o.Step = func(_ int, text string) { steps = append(steps, text) } })
	if len(steps) != 4 || len(c.Image().Docker.Config.OnBuild) != 0 || c.Image().OCI.Config.Labels["l"] != "1" {
		t.Errorf("steps %q, labels %v", steps, c.Image().OCI.Config.Labels)
	}
	if got := v.read(c, "w/copied"); got != "base" {
		t.Errorf("the copied file: %s", got)
	}
	if again := try(Open(v.Engine, c.ID()))(t); len(again.Image().Docker.Config.OnBuild) != 0 {
		t.Error("the triggers are still in the record")
	}
	b.image.AddOnBuild("NONSENSE x")
	v.commit(b, "failing", func(o *CommitOptions) { o.Format = "docker" })
	_, err := From(t.Context(), v.Engine, "failing", FromOptions{Name: "looked-at"})
	wantError(t, err, "NONSENSE")
	if _, err := Open(v.Engine, "looked-at"); err != nil {
		t.Errorf("the container of a failing trigger is gone: %v", err)
	}
}
