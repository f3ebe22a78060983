package builder

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/testenv"
	"github.com/projectatomic/buildah/internal/transfer"
)

// story is a container with something of everything that a commit looks at.
func (v *env) story() *Builder {
	v.t.Helper()
	v.image("base", testenv.Files{"f": "x"}, func(i *imgspec.Image) {
		i.Architecture = "amd64"
		i.Config.Env = []string{"PATH=/bin", "GONE=1"}
		i.Config.Labels = map[string]string{"inherited": "1", "dropped": "1"}
	})
	b := v.from("base")
	// The digest of the base's manifest is the same on each machine; its own times are fixed.
	v.write(b, "new", "content")
	warnings, err := b.Configure(Change{
		Author: imageconfig.Set("me"), Hostname: imageconfig.Set("hn"), Labels: imageconfig.KeyChange{Set: []string{"l=v"}},
		Annotations: imageconfig.KeyChange{Set: []string{"kept=1", "dropped=1"}}, Ports: []string{"80"}, OnBuild: []string{"RUN x"},
		Process: imageconfig.ProcessChange{Cmd: imageconfig.Set("run me"), Shell: imageconfig.Set("/bin/ash -c"), StopSignal: imageconfig.Set("9")},
		History: imageconfig.HistoryChange{Record: true, CreatedBy: imageconfig.Set("by me"), Comment: imageconfig.Set("comment")},
		Format:  imageconfig.FormatOCI,
	})
	if err != nil || len(warnings) == 0 {
		v.t.Fatalf("configuring: %v, warnings %q", err, warnings)
	}
	later := time.Unix(5, 0)
	b.record.AppendedEmptyLayers = []History{{CreatedBy: "trailing", Created: &later}}
	if err := b.Save(); err != nil {
		v.t.Fatal(err)
	}
	return try(Open(v.Engine, b.ID()))(v.t)
}

// TestCommitGolden holds whole configurations and manifests (spec record.md 5.3-5.5).
func TestCommitGolden(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*CommitOptions){
		"oci":    func(*CommitOptions) {},
		"docker": func(o *CommitOptions) { o.Format = "docker" },
		"squash": func(o *CommitOptions) { o.Squash = true },
		"metadata": func(o *CommitOptions) {
			o.Metadata = Metadata{
				Annotations: []string{"added=2", "bare"}, UnsetAnnotations: []string{"dropped", "bare"}, CreatedAnnotation: imageconfig.No,
				Identity: imageconfig.Yes, UnsetEnv: []string{"GONE"}, UnsetLabels: []string{"dropped"}, LayerLabels: []string{"l=not", "fill=in"},
				Changes: []string{"ENV A=1", "LABEL changed=yes", `CMD ["other"]`, "EXPOSE 443/tcp"},
				Config:  []byte(`{"User":"nobody","Env":["A=0","B=2"]}`),
			}
		},
		"docker-change": func(o *CommitOptions) {
			o.Format, o.Metadata.Changes = "docker", []string{"STOPSIGNAL TERM", `SHELL ["sh"]`}
		},
		"no-history": func(o *CommitOptions) { o.Metadata.OmitHistory = true },
		"add-file":   func(o *CommitOptions) { o.AddFiles = []AddFile{{Dest: "/etc/added"}} },
		"pending": func(o *CommitOptions) {
			o.Pending, o.CreatedBy, o.Comment = []History{{CreatedBy: "one more"}}, "RUN it", "said"
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEnv(t, "overlay")
			b := v.story()
			o := CommitOptions{}
			at(&o)
			change(&o)
			for i := range o.AddFiles {
				o.AddFiles[i].Source = tree(t, map[string]string{"f": "added"}) + "/f"
			}
			done := try(b.Commit(t.Context(), "result:1", o))(t)
			config, manifest := try(v.Store.Config(done.ID))(t), done.State.Manifest
			golden(t, "commit-"+name+".json", []byte(`{"config":`+string(config)+`,"manifest":`+string(manifest)+`}`))
			again := try(b.Commit(t.Context(), "", o))(t)
			if again.ID != done.ID || again.Manifest.Digest != done.Manifest.Digest {
				t.Errorf("the same commit again gave %+v, before %+v", again.Manifest, done.Manifest)
			}
			if diff := cmp.Diff([]string{"localhost/result:1"}, done.Names); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestCommitClock holds what depends on the clock: times, identity, container name.
func TestCommitClock(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.story()
	before := time.Now().UTC().Add(-time.Second)
	done := v.commit(b, "", func(o *CommitOptions) { o.Format = "docker" })
	d := decode[imageconfig.Docker](t, done.State.Config)
	if d.Created.Before(before) || d.Container != b.ID() || d.Config.Hostname != "hn" || d.Config.Labels["io.buildah.version"] != "test" {
		t.Errorf("got created %v, container %q, host name %q, labels %v", d.Created, d.Container, d.Config.Hostname, d.Config.Labels)
	}
	if !cmp.Equal(d.Config, d.ContainerConfig) {
		t.Error("config and container_config differ")
	}
	oci := v.commit(b, "")
	annotations := decode[imgspec.Manifest](t, oci.State.Manifest).Annotations
	if created, err := time.Parse(time.RFC3339Nano, annotations[annotationCreated]); err != nil || created.Before(before) {
		t.Errorf("annotation of the time: %q", annotations[annotationCreated])
	}
	quiet := v.commit(b, "", func(o *CommitOptions) { o.Metadata.Identity = imageconfig.No })
	if label, ok := quiet.State.Image.OCI.Config.Labels["io.buildah.version"]; ok {
		t.Errorf("an unwanted label: %q", label)
	}
	// Neither the record nor what is pending is used up by a commit.
	saved := try(Open(v.Engine, b.ID()))(t)
	if len(saved.Record().PrependedEmptyLayers) == 0 || saved.Image().OCI.Config.Labels["io.buildah.version"] != "" {
		t.Error("committing changed the record")
	}
}

// TestCommitTimes holds the times of files in layers.
func TestCommitTimes(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	epoch := fixedTime()
	old := epoch.Add(-time.Hour)
	b := v.from(Scratch)
	v.write(b, "new", "x")
	v.write(b, "old", "x")
	v.inside(b, func(root string) {
		if err := os.Chtimes(root+"/old", old, old); err != nil {
			t.Fatal(err)
		}
	})
	for name, c := range map[string]struct {
		times            Times
		wantNew, wantOld string
	}{
		"timestamp": {Times{Timestamp: &epoch}, "fixed", "fixed"},
		"epoch":     {Times{Epoch: &epoch}, "now", "old"},
		"rewrite":   {Times{Epoch: &epoch, Rewrite: true}, "fixed", "old"},
		"neither":   {Times{}, "now", "old"},
	} {
		t.Run(name, func(t *testing.T) {
			done := try(b.Commit(t.Context(), name, CommitOptions{Times: c.times}))(t)
			c2 := v.from(done.ID)
			v.inside(c2, func(root string) {
				for file, want := range map[string]string{"/new": c.wantNew, "/old": c.wantOld} {
					mtime := try(os.Stat(root + file))(t).ModTime()
					got := "now"
					switch {
					case mtime.Equal(epoch):
						got = "fixed"
					case mtime.Equal(old):
						got = "old"
					}
					if got != want {
						t.Errorf("%q is of %v (%s), want %s", file, mtime, got, want)
					}
				}
			})
			if fixed := c.times.Fixed(); fixed != nil && !done.State.Image.OCI.Created.Equal(*fixed) {
				t.Errorf("the image is of %v", done.State.Image.OCI.Created)
			}
		})
	}
}

// TestCommitDestinations writes to every transport that needs no server, and to
// a registry; the image in between is gone afterwards, unless it was there before.
func TestCommitDestinations(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	registry := testenv.NewRegistry(t)
	b, dir := v.story(), t.TempDir()
	off := func(o *CommitOptions) { o.Push.Registry.TLSVerify = transfer.Off }
	for name, dest := range map[string]string{
		"dir": "dir:" + dir + "/d", "oci": "oci:" + dir + "/o:tag", "oci-archive": "oci-archive:" + dir + "/oa.tar:tag",
		"docker-archive": "docker-archive:" + dir + "/da.tar:name:tag", "docker": "docker://" + registry.Host + "/some/repo:tag",
	} {
		t.Run(name, func(t *testing.T) {
			before := v.counts()
			done := v.commit(b, dest, at, off, func(o *CommitOptions) { o.Tags = []string{"extra"} })
			if after := v.counts(); after[0] != before[0] || len(done.ID) != 64 || done.Manifest.Digest == "" || len(done.Names) != 0 {
				t.Errorf("counts before %v, after %v; got %+v", before, after, done)
			}
		})
	}
	for _, name := range []string{"d/manifest.json", "o/index.json", "oa.tar", "da.tar"} {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	if _, _, ok := registry.Manifest("some/repo", "tag"); !ok {
		t.Error("the registry has no manifest")
	}
	if !strings.Contains(v.warned(), "extra") {
		t.Errorf("no warning about tags that cannot be given: %s", v.warned())
	}
	kept := v.commit(b, "kept", at)
	_ = v.commit(b, "dir:"+dir+"/again", at)
	if _, err := v.Store.Image(kept.ID); err != nil {
		t.Errorf("an image that was there before is gone: %v", err)
	}
	named := v.commit(b, "containers-storage:localhost/spelled:1", at, func(o *CommitOptions) { o.Tags = []string{"more"} })
	if diff := cmp.Diff([]string{"localhost/spelled:1", "localhost/more:latest"}, named.Names); diff != "" || named.ID != kept.ID {
		t.Error(diff)
	}
	img := try(v.Store.Image(named.ID))(t)
	if len(img.Names) != 3 {
		t.Errorf("names of the image: %q", img.Names)
	}
}

// TestCommitRefused checks that a commit that fails leaves nothing behind.
func TestCommitRefused(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	registry := testenv.NewRegistry(t)
	registry.Break(testenv.Fault{Status: 403})
	b, dir := v.story(), tree(t, map[string]string{"file": ""})
	before := v.counts()
	for name, c := range map[string]struct {
		dest   string
		change func(*CommitOptions)
	}{
		"upper case":        {"Upper", nil},
		"bad tag":           {"fine", func(o *CommitOptions) { o.Tags = []string{"Bad:"} }},
		"bad syntax":        {"oci-archive:", nil},
		"not writable":      {"dir:" + dir + "/file/x", nil},
		"registry refuses":  {"docker://" + registry.Host + "/r:t", func(o *CommitOptions) { o.Push.Registry.TLSVerify = transfer.Off }},
		"added directory":   {"", func(o *CommitOptions) { o.AddFiles = []AddFile{{Source: dir, Dest: "/x"}} }},
		"added nothing":     {"", func(o *CommitOptions) { o.AddFiles = []AddFile{{Source: dir + "/no", Dest: "/x"}} }},
		"bad instruction":   {"", func(o *CommitOptions) { o.Metadata.Changes = []string{"RUN x"} }},
		"bad configuration": {"", func(o *CommitOptions) { o.Metadata.Config = []byte("{") }},
	} {
		t.Run(name, func(t *testing.T) {
			var o CommitOptions
			at(&o)
			if c.change != nil {
				c.change(&o)
			}
			o.Remove = true
			if done, err := b.Commit(t.Context(), c.dest, o); err == nil {
				t.Errorf("it succeeded: %+v", done)
			}
			after := v.counts()
			if after[0] != before[0] || after[1] != before[1] {
				t.Errorf("counts before %v, after %v", before, after)
			}
			if got := v.read(b, "new"); got != "content" {
				t.Errorf("the container's file: %q", got)
			}
		})
	}
}

func TestCommitRemove(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.story()
	done := v.commit(b, "", at, func(o *CommitOptions) { o.Remove = true })
	if got := v.counts(); got[1] != 0 {
		t.Errorf("%d containers are left", got[1])
	}
	if got := v.read(v.from(done.ID), "new"); got != "content" {
		t.Errorf("the image's file: %q", got)
	}
}
