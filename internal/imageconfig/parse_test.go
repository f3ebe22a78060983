package imageconfig

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const id = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
	for _, tc := range []struct {
		name, config string
		check        func(i Image) bool
	}{
		{"empty", ` {}`, func(i Image) bool { return i.OCI.Created == nil && i.OCI.RootFS.Type == "layers" }},
		{"only container_config", `{"container_config":{"Cmd":["x"],"Hostname":"h"}}`, func(i Image) bool {
			return i.OCI.Config.Cmd[0] == "x" && i.Docker.Config.Hostname == "h"
		}},
		{"config wins", `{"config":{"Cmd":["x"]},"container_config":{"Cmd":["y"]}}`, func(i Image) bool {
			return i.OCI.Config.Cmd[0] == "x" && i.Docker.ContainerConfig.Cmd[0] == "x"
		}},
		{"null everywhere", `{"config":null,"rootfs":null,"history":null,"created":null,"os":null}`, func(i Image) bool { return i.OCI.OS == "" }},
		{"env without =", `{"config":{"Env":["A","B=1","","=x"]}}`, func(i Image) bool { return len(i.OCI.Config.Env) == 4 }},
		{"health check", `{"config":{"Healthcheck":{"Test":["NONE"],"Interval":5000000000,"Retries":2}}}`, func(i Image) bool {
			return i.Docker.Config.Healthcheck.Interval == 5*time.Second
		}},
		{"platform", `{"os":"linux","architecture":"arm64","variant":"v8","os.version":"1","os.features":["a"]}`, func(i Image) bool {
			p := i.Platform()
			return p.String() == "linux/arm64/v8" && p.OSVersion == "1" && p.OSFeatures[0] == "a"
		}},
		{"layers and history", `{"created":"2020-01-01T00:00:00Z","rootfs":{"type":"layers","diff_ids":["` + id + `"]},"history":[{"created":"2020-01-01T00:00:00Z","created_by":"x"},{"empty_layer":true}]}`, func(i Image) bool {
			h := i.OCI.History
			return i.OCI.RootFS.DiffIDs[0] == id && i.OCI.Created.Year() == 2020 && len(h) == 2 && h[1].Created == nil && h[1].EmptyLayer
		}},
		{"unknown keys", `{"config":{"Nobody":1},"x":{"y":[]}}`, func(i Image) bool { return true }},
	} {
		i, err := Parse([]byte(tc.config), "")
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
			continue
		}
		if !tc.check(i) {
			t.Errorf("%s: got %+v", tc.name, i)
		}
		apply(t, &i, everything(FormatOCI))
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for name, config := range map[string]string{
		"nothing":            "",
		"null":               "null",
		"array":              "[]",
		"cut short":          `{"config":`,
		"two objects":        `{}{}`,
		"wrong type":         `{"config":{"Env":"x"}}`,
		"wrong type of port": `{"config":{"ExposedPorts":{"80":1}}}`,
		"bad time":           `{"created":"yesterday"}`,
		"bad digest":         `{"rootfs":{"diff_ids":["sha256:../../x"]}}`,
		"deep":               strings.Repeat(`{"a":`, 20000),
		"too big":            `{"author":"` + strings.Repeat("x", Limit) + `"}`,
		"huge number":        `{"config":{"Healthcheck":{"Interval":1e400}}}`,
	} {
		if _, err := Parse([]byte(config), FormatOCI.MediaType()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if _, err := ParseAnnotations([]byte(config)); err == nil && len(name) < 10 && name != "deep" && name != "bad time" && name != "wrong type" && name != "bad digest" {
			t.Errorf("%s as a manifest: no error", name)
		}
	}
}

// TestRecordOfOthers reads the parts of a record that stock buildah 1.28 wrote.
func TestRecordOfOthers(t *testing.T) {
	t.Parallel()
	const record = `{"ociv1":{"created":"2026-11-21T02:36:58.016622748Z","architecture":"amd64","os":"linux","config":{"Env":["A=1"],"WorkingDir":"/w"},"rootfs":{"type":"","diff_ids":null}},
		"docker":{"created":"2026-11-21T02:36:58.016622748Z","container_config":{"Hostname":"h","Env":["A=1"],"Cmd":[],"WorkingDir":"/w","OnBuild":["RUN x"]},
		"config":{"Hostname":"h","Env":["A=1"],"Cmd":[],"WorkingDir":"/w","OnBuild":["RUN x"]},"docker_version":"1","os":"linux","architecture":"amd64"}}`
	var r struct {
		OCIv1  OCI    `json:"ociv1"`
		Docker Docker `json:"docker"`
	}
	if err := json.Unmarshal([]byte(record), &r); err != nil {
		t.Fatal(err)
	}
	i := Image{OCI: r.OCIv1, Docker: r.Docker}
	i.Normalize(time.Unix(0, 0), Platform{OS: "linux", Arch: "s390x"})
	if i.OCI.Created.Year() != 2026 || i.Docker.DockerVersion != "" || i.Platform().Arch != "amd64" || i.Docker.ContainerConfig.OnBuild[0] != "RUN x" {
		t.Errorf("got %+v", i)
	}
	var empty Image
	empty.Normalize(time.Unix(0, 0), Platform{OS: "linux", Arch: "arm", Variant: "v6"})
	if empty.Platform().String() != "linux/arm/v6" || !empty.OCI.Created.Equal(time.Unix(0, 0)) || !empty.Docker.Created.Equal(time.Unix(0, 0)) {
		t.Errorf("got %+v", empty)
	}
}

// TestDockerKeys holds which keys are always there (spec record.md, section 3).
func TestDockerKeys(t *testing.T) {
	t.Parallel()
	data, err := json.Marshal(DockerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"Hostname":"","Domainname":"","User":"","AttachStdin":false,"AttachStdout":false,"AttachStderr":false,"Tty":false,"OpenStdin":false,"StdinOnce":false,"Env":null,"Cmd":null,"Image":"","Volumes":null,"WorkingDir":"","Entrypoint":null,"OnBuild":null,"Labels":null}`
	if diff := cmp.Diff(want, string(data)); diff != "" {
		t.Error(diff)
	}
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"{}", `{"config":{"Env":["A","=","B=1"],"Labels":{"a":"b"},"Healthcheck":{}},"rootfs":{"diff_ids":[""]}}`,
		`{"container_config":{"OnBuild":["RUN x"]},"history":[{"created":"2020-01-01T00:00:00Z"}],"os.features":["x"]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		i, err := Parse(data, "")
		if err != nil {
			return
		}
		i.Normalize(time.Unix(0, 0), Platform{OS: "linux", Arch: "amd64"})
		// Whatever an image says, each verb can work on it and it can be written.
		if _, err := i.Apply(everything(FormatDocker)); err != nil {
			t.Fatal(err)
		}
		b := Build{Image: i, Created: time.Unix(0, 0)}
		for _, id := range i.OCI.RootFS.DiffIDs {
			b.Layers = append(b.Layers, Layer{Digest: id})
		}
		for _, b.Format = range []Format{FormatOCI, FormatDocker} {
			config, _, err := Render(b)
			if err != nil {
				t.Fatal(err)
			}
			if len(config) > Limit {
				return
			}
			if _, err := Parse(config, ""); err != nil {
				t.Fatalf("reading what we wrote: %v\n%s", err, config)
			}
		}
	})
}
