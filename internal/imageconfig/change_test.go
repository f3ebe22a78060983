package imageconfig

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func scratch() Image { return Scratch(Platform{OS: "linux", Arch: "amd64"}) }

// apply applies changes one after the other and fails the test on an error.
func apply(t *testing.T, i *Image, changes ...Change) Outcome {
	t.Helper()
	var out Outcome
	for _, c := range changes {
		var err error
		if out, err = i.Apply(c); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// everything is one `config` call with nearly every flag.
func everything(f Format) Change {
	return Change{
		Author: Set("AU"), Comment: Set("C"), Hostname: Set("h"), Domainname: Set("d"), Format: f,
		Platform: PlatformChange{Variant: Set("v2"), OSVersion: Set("1"), OSFeatures: []string{"f", "g", "f", "g-"}},
		Process: ProcessChange{
			User: Set("u:g"), WorkDir: Set("/w"), Shell: Set("/bin/bash -c"), StopSignal: Set("9"),
			Entrypoint: Set(`foo "bar"`), Cmd: Set(`x "y z"`), Env: []string{"A=1", "B=$A:x$NOPE"},
		},
		Health:      HealthChange{Test: Set(`CMD curl "a b"`), Interval: Set("5s"), Retries: Set("2")},
		Ports:       []string{"80", "81/udp"},
		Volumes:     []string{"/v1", "/v2"},
		OnBuild:     []string{"RUN x", "RUN y"},
		Labels:      KeyChange{Set: []string{"l=1", "k"}, Unset: []string{"absent"}},
		Annotations: KeyChange{Set: []string{"a=b"}},
		History:     HistoryChange{Record: true, CreatedBy: Set("CB"), Comment: Set("HC")},
	}
}

func TestApplyHistory(t *testing.T) {
	t.Parallel()
	i := scratch()
	got := apply(t, &i, everything(FormatOCI))
	want := Outcome{
		CreatedBy: Set("CB"), Comment: Set("HC"), Annotations: KeyChange{Set: []string{"a=b"}},
		History: []string{
			`/bin/sh -c #(nop) USER u:g`,
			`/bin/sh -c #(nop) SHELL /bin/bash -c`,
			`/bin/sh -c #(nop) STOPSIGNAL 9`,
			`/bin/sh -c #(nop) EXPOSE 80 81/udp`,
			`/bin/sh -c #(nop) ENV A=1 B=$A:x$NOPE`,
			`/bin/sh -c #(nop) ENTRYPOINT foo "bar"`,
			`/bin/sh -c #(nop) CMD x "y z"`,
			`/bin/sh -c #(nop) VOLUME /v1`,
			`/bin/sh -c #(nop) VOLUME /v2`,
			`/bin/sh -c #(nop) HEALTHCHECK --interval=5s --retries=2 CMD curl "a b"`,
			`/bin/sh -c #(nop) LABEL l=1 k`,
			`/bin/sh -c #(nop) WORKDIR /w`,
			`/bin/sh -c #(nop) ONBUILD RUN x`,
			`/bin/sh -c #(nop) ONBUILD RUN y`,
		},
		Warnings: []string{
			"SHELL is not supported for OCI image format, [/bin/bash -c] will be ignored. Must use `docker` format",
			`expanding variable "NOPE": no value set in configuration`,
			"HEALTHCHECK is not supported for OCI image format and will be ignored. Must use `docker` format",
			"COMMENT is not supported for OCI image format, comment C will be ignored. Must use `docker` format",
			"DOMAINNAME is not supported for OCI image format, domainname d will be ignored. Must use `docker` format",
			"HOSTNAME is not supported for OCI image format, hostname h will be ignored. Must use `docker` format",
			"ONBUILD is not supported for OCI image format, RUN x will be ignored. Must use `docker` format",
			"ONBUILD is not supported for OCI image format, RUN y will be ignored. Must use `docker` format",
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	second := scratch()
	if out := apply(t, &second, everything(FormatDocker)); len(out.Warnings) != 1 {
		t.Errorf("docker format: warnings %q", out.Warnings)
	}
	if diff := cmp.Diff(i, second); diff != "" {
		t.Errorf("the format changes the result: %s", diff)
	}
	quiet := everything(FormatOCI)
	quiet.History.Record = false
	if out := apply(t, &second, quiet); out.History != nil {
		t.Errorf("history that was not asked for: %q", out.History)
	}
}

func TestApplyKeepsFormatsInStep(t *testing.T) {
	t.Parallel()
	i := scratch()
	apply(t, &i, everything(FormatOCI))
	if diff := cmp.Diff(i.OCI, ociOf(i.Docker)); diff != "" {
		t.Errorf("OCI and Docker differ: %s", diff)
	}
	if diff := cmp.Diff(i.Docker.Config, i.Docker.ContainerConfig); diff != "" {
		t.Errorf("config and container_config differ: %s", diff)
	}
	want := DockerConfig{
		Hostname: "h", Domainname: "d", User: "u:g", ExposedPorts: map[string]struct{}{"80": {}, "81/udp": {}},
		Env: []string{"A=1", "B=1:xNOPE"}, Cmd: []string{"x", "y z"}, Entrypoint: []string{"/bin/sh", "-c", `foo "bar"`},
		Healthcheck: &HealthConfig{Test: []string{"CMD", "curl", "a b"}, Interval: 5 * time.Second, Timeout: 30 * time.Second, Retries: 2},
		Volumes:     map[string]struct{}{"/v1": {}, "/v2": {}}, WorkingDir: "/w", OnBuild: []string{"RUN x", "RUN y"},
		Labels: map[string]string{"l": "1", "k": ""}, StopSignal: "9", Shell: []string{"/bin/bash", "-c"},
	}
	if diff := cmp.Diff(want, i.Docker.Config); diff != "" {
		t.Error(diff)
	}
	if d := i.Docker; d.Author != "AU" || d.Comment != "C" || d.Variant != "v2" || d.OSVersion != "1" || len(d.OSFeatures) != 1 {
		t.Errorf("got %+v", d)
	}
}

func TestApplyRemoves(t *testing.T) {
	t.Parallel()
	i := scratch()
	apply(t, &i, everything(FormatDocker), Change{
		Process: ProcessChange{User: Set(""), Entrypoint: Set(" "), Cmd: Set(""), Env: []string{"B-", "C=2", "A=3", "-x="}},
		Health:  HealthChange{Test: Set(" ")}, Ports: []string{"80-"}, Volumes: []string{"/v1-"},
		Labels: KeyChange{Set: []string{"k-"}, Unset: []string{"l"}}, Platform: PlatformChange{OSFeatures: []string{"-"}},
	})
	c := i.Docker.Config
	if c.User != "" || c.Entrypoint != nil || c.Cmd != nil || c.Healthcheck != nil || len(c.Labels) != 0 || i.OCI.OSFeatures != nil {
		t.Errorf("left over: %+v", c)
	}
	if diff := cmp.Diff([]string{"C=2", "A=3", "-x="}, c.Env); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]struct{}{"81/udp": {}}, c.ExposedPorts); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]struct{}{"/v2": {}}, c.Volumes); diff != "" {
		t.Error(diff)
	}
	apply(t, &i, Change{
		Process: ProcessChange{Env: []string{"-"}}, Ports: []string{"-anything"}, Volumes: []string{"-"}, Labels: KeyChange{Set: []string{"a=1", "-"}},
	})
	data, err := json.Marshal(i.Docker.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"Env":[]`, `"Volumes":{}`, `"Labels":{}`, `"Cmd":null`, `"Entrypoint":null`} {
		if !strings.Contains(string(data), want) {
			t.Errorf("%s is not in %s", want, data)
		}
	}
	if strings.Contains(string(data), "ExposedPorts") {
		t.Errorf("there are ports in %s", data)
	}
}

func TestApplyEnv(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"HOME": "/h=x", "EMPTY": ""}[name]
		return v, ok
	}
	for _, tc := range []struct {
		name  string
		items []string
		want  []string // nil means an error
	}{
		{"earlier on the same line", []string{"A=1", "B=${A}2", "A=$B"}, []string{"PATH=/bin", "B=12", "A=12"}},
		{"plain dollar", []string{"X=$$PATH costs 3$"}, []string{"PATH=/bin", "X=$PATH costs 3$"}},
		{"own value", []string{"PATH=$PATH:/more"}, []string{"PATH=/bin:/more"}},
		{"from the process", []string{"HOME"}, []string{"PATH=/bin", "HOME=/h=x"}},
		{"not expanded from the process", []string{"X=$HOME"}, []string{"PATH=/bin", "X=HOME"}},
		{"unset in the process", []string{"NOPE"}, nil},
		{"empty in the process", []string{"EMPTY"}, nil},
		{"commas and equals signs", []string{"A=a,b=c"}, []string{"PATH=/bin", "A=a,b=c"}},
		{"empty value", []string{"A="}, []string{"PATH=/bin", "A="}},
		{"no name", []string{"=x"}, nil},
		{"removed, then set", []string{"-", "A=1"}, []string{"A=1"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			i := scratch()
			i.SetEnv("PATH", "/bin")
			before := i.Clone()
			_, err := i.Apply(Change{Author: Set("x"), Process: ProcessChange{Env: tc.items}, Lookup: env})
			if tc.want == nil {
				if err == nil {
					t.Error("no error")
				}
				if diff := cmp.Diff(before, i); diff != "" {
					t.Errorf("an error changed the image: %s", diff)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, i.OCI.Config.Env); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestApplyHealth(t *testing.T) {
	t.Parallel()
	second := time.Second
	for _, tc := range []struct {
		name    string
		have    *HealthConfig
		change  HealthChange
		want    *HealthConfig
		history string // after HEALTHCHECK
	}{
		{
			"defaults", nil,
			HealthChange{Test: Set("CMD-SHELL curl -f http://x || exit 1")},
			&HealthConfig{Test: []string{"CMD-SHELL", "curl", "-f", "http://x", "||", "exit", "1"}, Interval: 30 * second, Timeout: 30 * second, Retries: 3},
			"CMD-SHELL curl -f http://x || exit 1",
		},
		{
			"only the start interval", nil,
			HealthChange{StartInterval: Set("1m")},
			&HealthConfig{Test: []string{"NONE"}, Interval: 30 * second, Timeout: 30 * second, Retries: 3, StartInterval: 60 * second},
			"--start-interval=1m ",
		},
		{
			"order of options", &HealthConfig{Test: []string{"CMD", "x"}},
			HealthChange{Interval: Set("1s"), Retries: Set("4"), StartPeriod: Set("2s"), StartInterval: Set("3s"), Timeout: Set("90s")},
			&HealthConfig{Test: []string{"CMD", "x"}, Interval: second, Timeout: 90 * second, StartPeriod: 2 * second, StartInterval: 3 * second, Retries: 4},
			"--interval=1s --retries=4 --start-period=2s --start-interval=3s --timeout=90s ",
		},
		{"none", &HealthConfig{}, HealthChange{Test: Set("NONE")}, &HealthConfig{Test: []string{"NONE"}}, "NONE"},
		{"removed", &HealthConfig{}, HealthChange{Test: Set("")}, nil, "NONE"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			i := scratch()
			i.SetHealthcheck(tc.have)
			out := apply(t, &i, Change{Health: tc.change, History: HistoryChange{Record: true}})
			if diff := cmp.Diff(tc.want, i.Docker.Config.Healthcheck); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff([]string{nop + "HEALTHCHECK " + tc.history}, out.History); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, bad := range []HealthChange{
		{Interval: Set("5")}, {Timeout: Set("")}, {StartPeriod: Set("-1s")}, {Retries: Set("many")}, {Retries: Set("-1")}, {Test: Set(`CMD "x`)},
	} {
		i := scratch()
		if _, err := i.Apply(Change{Health: bad}); err == nil {
			t.Errorf("%+v: no error", bad)
		}
	}
}

func TestEntrypointLeavesCommandAlone(t *testing.T) {
	t.Parallel()
	i := scratch()
	out := apply(t, &i, Change{Process: ProcessChange{Cmd: Set(`["a","b c"]`)}}, Change{Process: ProcessChange{Entrypoint: Set("/X")}})
	if diff := cmp.Diff([]string{`cmd "a b c" exists and will be passed to entrypoint as a parameter`}, out.Warnings); diff != "" {
		t.Error(diff)
	}
	apply(t, &i, Change{Process: ProcessChange{Entrypoint: Set("")}})
	if i.OCI.Config.Entrypoint != nil || len(i.OCI.Config.Cmd) != 2 {
		t.Errorf("got %+v", i.OCI.Config)
	}
}

func TestArraysThatAreNone(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]int{
		`["/x"]`: 0, "": 0, "/x": 0, "[ -e /x ] && /x": 0, `[]`: 0, " [\"/x\"]": 0,
		"[/x]": 1, `['/x']`: 1, `["/x",]`: 1, `["/x"`: 1, `[1]`: 1,
	} {
		i := scratch()
		out := apply(t, &i, Change{Process: ProcessChange{Entrypoint: Set(line)}})
		if len(out.Warnings) != want {
			t.Errorf("entrypoint %s: %q", line, out.Warnings)
		}
		j := scratch()
		if out = apply(t, &j, Change{Process: ProcessChange{Cmd: Set(line)}}); len(out.Warnings) != want {
			t.Errorf("cmd %s: %q", line, out.Warnings)
		}
	}
}

func TestAnnotate(t *testing.T) {
	t.Parallel()
	have := map[string]string{"a": "1", "b": "2"}
	k := KeyChange{Set: []string{"b=3", "c", "a-", "d=x=y,z"}, Unset: []string{"b", "absent"}}
	if diff := cmp.Diff(map[string]string{"b": "3", "c": "", "d": "x=y,z"}, k.Annotate(have)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[string]string{"z": ""}, KeyChange{Set: []string{"y", "-", "z"}}.Annotate(nil)); diff != "" {
		t.Error(diff)
	}
	if len(have) != 2 {
		t.Error("the given map was changed")
	}
}

func TestCopiesAreIndependent(t *testing.T) {
	t.Parallel()
	i := scratch()
	apply(t, &i, everything(FormatDocker))
	want := i.Clone()
	shallow := i
	for _, c := range []*Image{&shallow} {
		apply(t, c, everything(FormatOCI))
		c.SetLabel("new", "x")
		c.UnsetLabel("l")
		c.SetEnv("A", "2")
		c.UnsetEnv("B")
		c.AddOnBuild("RUN z")
		c.UnsetPort("80")
		c.UnsetVolume("/v1")
		c.SetOSFeature("z")
		c.UnsetOSFeature("f")
	}
	if diff := cmp.Diff(want, i); diff != "" {
		t.Errorf("a change of a copy is seen in the original: %s", diff)
	}
}
