package builder

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/testenv"
)

// stock runs an installed buildah, of whatever make, on the store of the test.
func (v *env) stock(args ...string) string {
	v.t.Helper()
	program := testenv.NeedProgram(v.t, "buildah")
	all := append([]string{"--root", v.Store.GraphRoot(), "--runroot", v.Store.RunRoot(), "--storage-driver", v.Store.Driver()}, args...)
	cmd := exec.CommandContext(v.t.Context(), program, all...)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		v.t.Fatalf("buildah %s: %v\n%s", strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(string(out))
}

// TestInterop has an installed buildah and ours take turns on the same containers.
func TestInterop(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "vfs")
	v.image("base", smallFiles())
	ours := v.from("base", named("ours"), func(o *FromOptions) {
		o.Execution.CommonBuildOpts = &CommonOptions{Memory: 1 << 30, AddHost: []string{"h:1.2.3.4"}}
		o.Execution.NamespaceOptions = []Namespace{{Name: "ipc", Host: true}}
	})
	if _, err := ours.Configure(Change{Labels: imageconfig.KeyChange{Set: []string{"by=ours"}}, Process: imageconfig.ProcessChange{User: imageconfig.Set("u")}}); err != nil {
		t.Fatal(err)
	}
	ours.AddHistory(History{Created: historyTime(), CreatedBy: "pending"})
	if err := ours.Save(); err != nil {
		t.Fatal(err)
	}
	listed := v.stock("containers", "--format", "{{.ContainerName}} {{.Builder}} {{.ImageName}}")
	if !strings.Contains(listed, "ours") || !strings.Contains(listed, "localhost/base:latest") {
		t.Errorf("it lists %q", listed)
	}
	v.stock("config", "--label", "by2=stock", "--env", "A=1", "ours")
	v.stock("copy", "ours", filepath.Join(tree(t, map[string]string{"f": "stock"}), "f"), "/copied")
	again := try(Open(v.Engine, "ours"))(t)
	if diff := cmp.Diff(map[string]string{"by": "ours", "by2": "stock"}, again.Image().OCI.Config.Labels); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	r := again.Record()
	if r.CommonBuildOpts.Memory != 1<<30 || len(r.CommonBuildOpts.AddHost) != 1 || again.Image().OCI.Config.User != "u" || r.PrependedEmptyLayers[0].CreatedBy != "pending" {
		t.Errorf("something was lost: %+v", r.CommonBuildOpts)
	}
	if got := v.read(again, "copied"); got != "stock" {
		t.Errorf("what it copied: %q", got)
	}
	name := v.stock("from", "--name", "theirs", "base")
	v.stock("config", "--author", "them", "--add-history", "--env", "B=2", "theirs")
	theirs := try(Open(v.Engine, name))(t)
	if theirs.Image().OCI.Author != "them" || theirs.Record().FromImage != "localhost/base:latest" || len(theirs.Record().Capabilities) == 0 {
		t.Errorf("its record: author %q, on %q", theirs.Image().OCI.Author, theirs.Record().FromImage)
	}
	v.write(theirs, "new", "x")
	v.commit(theirs, "both", at)
	if out := v.stock("inspect", "--type", "image", "--format", "{{.OCIv1.Author}} {{.OCIv1.Config.Env}}", "localhost/both"); out != "them [B=2]" {
		t.Errorf("it sees %q in our image", out)
	}
	if err := theirs.Rename("renamed"); err != nil {
		t.Fatal(err)
	}
	mounted := try(ours.Mount(t.Context()))(t)
	if out := v.stock("mount"); !strings.Contains(out, "ours "+mounted) {
		t.Errorf("it says %q is mounted, want %q", out, mounted)
	}
	v.stock("umount", "ours")
	if path := try(try(Open(v.Engine, "ours"))(t).Mounted())(t); path != "" {
		t.Errorf("after its umount: mounted at %q", path)
	}
	v.stock("rm", "ours", "renamed")
	if got := v.counts(); got[1] != 0 {
		t.Errorf("%d containers are left", got[1])
	}
}
