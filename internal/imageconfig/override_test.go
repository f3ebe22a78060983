package imageconfig

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func base(t *testing.T) Image {
	t.Helper()
	i := scratch()
	apply(t, &i, Change{
		Process: ProcessChange{
			Env: []string{"PATH=/bin", "A=1"}, Cmd: Set("cmd"), Entrypoint: Set(`["entry"]`), StopSignal: Set("TERM"), WorkDir: Set("/w"), User: Set("u"),
		},
		OnBuild: []string{"RUN x"}, Labels: KeyChange{Set: []string{"l=1"}}, Ports: []string{"80/tcp"}, Volumes: []string{"/v"},
		Health: HealthChange{Test: Set("CMD x")}, Author: Set("me"),
	})
	i.Docker.Config.Tty, i.Docker.Config.MacAddress = true, "mac"
	i.sync()
	return i
}

func TestOverride(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) { return "value of " + name, name == "SET" }
	for _, tc := range []struct {
		name    string
		config  string
		changes []string
		want    func(i *Image) // changes what base gives
	}{
		{"nothing", "", nil, func(*Image) {}},
		{"empty object", "{}", nil, func(*Image) {}},
		{"absent fields erase nothing", `{"User":"v"}`, []string{"LABEL m=2"}, func(i *Image) { i.SetUser("v"); i.SetLabel("m", "2") }},
		{"env", `{"Env":["A=2","SET","UNSET","N=3"]}`, []string{"ENV PATH=$PATH:/x B=${A}b"}, func(i *Image) {
			i.setEnv([]string{"PATH=/bin:/x", "A=2", "SET=value of SET", "UNSET=", "N=3", "B=2b"})
		}},
		{"cmd and entrypoint go together", "", []string{`CMD ["a","b"]`}, func(i *Image) { i.SetCmd([]string{"a", "b"}); i.SetEntrypoint(nil) }},
		{"entrypoint", "", []string{`ENTRYPOINT echo "x  y"`}, func(i *Image) {
			i.SetEntrypoint([]string{"/bin/sh", "-c", `echo "x  y"`})
			i.SetCmd(nil)
		}},
		{"both from the file", `{"Cmd":["c"],"Entrypoint":["e"]}`, nil, func(i *Image) { i.SetCmd([]string{"c"}); i.SetEntrypoint([]string{"e"}) }},
		{"empty command", "", []string{"CMD []"}, func(i *Image) { i.SetCmd(nil) }},
		{"empty entrypoint", "", []string{"ENTRYPOINT []"}, func(i *Image) { i.SetCmd(nil); i.SetEntrypoint(nil) }},
		{"shell form with a shell", "", []string{`SHELL ["/bin/bash","-ec"]`, "CMD x y"}, func(i *Image) {
			i.SetShell([]string{"/bin/bash", "-ec"})
			i.SetCmd([]string{"/bin/bash", "-ec", "x y"})
			i.SetEntrypoint(nil)
		}},
		{"relative directory", "", []string{"WORKDIR sub/", "WORKDIR ../other"}, func(i *Image) { i.SetWorkDir("/w/other") }},
		{"absolute directory", "", []string{"WORKDIR /x/"}, func(i *Image) { i.SetWorkDir("/x") }},
		{"ports, volumes, user, signal", "", []string{"EXPOSE 81 82/udp", `VOLUME ["/a b","/c"]`, "USER $A", "STOPSIGNAL SIGKILL"}, func(i *Image) {
			i.SetPort("81/tcp")
			i.SetPort("82/udp")
			i.SetVolume("/a b")
			i.SetVolume("/c")
			i.SetUser("1")
			i.SetStopSignal("SIGKILL")
		}},
		{"onbuild", "", []string{"ONBUILD COPY a b", "onbuild RUN y"}, func(i *Image) {
			i.Docker.Config.OnBuild = []string{"COPY a b", "RUN y"}
			i.sync()
		}},
		{"switches", `{"Tty":false,"OpenStdin":true,"StopTimeout":3,"StopSignal":"INT","MacAddress":"m","Image":"im","Hostname":"hn","Domainname":"dn"}`, nil, func(i *Image) {
			c, three := &i.Docker.Config, 3
			c.Tty, c.OpenStdin, c.StopTimeout, c.MacAddress, c.Image, c.Hostname, c.Domainname = false, true, &three, "m", "im", "hn", "dn"
			i.SetStopSignal("INT")
		}},
		{"health check", "", []string{"HEALTHCHECK --interval=5s --start-interval=1s --retries=2 CMD curl x"}, func(i *Image) {
			i.SetHealthcheck(&HealthConfig{Test: []string{"CMD-SHELL", "curl x"}, Interval: 5 * time.Second, StartInterval: time.Second, Retries: 2})
		}},
		{"no health check", "", []string{"HEALTHCHECK NONE"}, func(i *Image) { i.SetHealthcheck(&HealthConfig{Test: []string{"NONE"}}) }},
		{"maintainer", "", []string{"MAINTAINER you"}, func(i *Image) { i.SetAuthor("you") }},
		{"several lines in one", "", []string{"USER v\nLABEL a=b \\\n c=d\n# no\n"}, func(i *Image) { i.SetUser("v"); i.SetLabel("a", "b"); i.SetLabel("c", "d") }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			want, got := base(t), base(t)
			tc.want(&want)
			if err := got.Override([]byte(tc.config), tc.changes, env); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestOverrideRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ config, change string }{
		{"[]", ""},
		{"{", ""},
		{`{"Env":1}`, ""},
		{`{"Tty":"x"}`, ""},
		{"", "RUN x"},
		{"", "FROM x"},
		{"", "COPY a b"},
		{"", "ARG x"},
		{"", "NOSUCH x"},
		{"", ""},
		{"", "# only a comment"},
		{"", "SHELL /bin/sh"},
		{"", "STOPSIGNAL NOPE"},
		{"", "VOLUME"},
		{"", "HEALTHCHECK --interval=x CMD y"},
		{"", "ONBUILD FROM x"},
		{"", "ONBUILD onbuild RUN x"},
		{"", "ENV A"},
	} {
		i := base(t)
		var changes []string
		if tc.config == "" {
			changes = []string{"USER other", tc.change}
		}
		if err := i.Override([]byte(tc.config), changes, nil); err == nil {
			t.Errorf("%q: no error", tc)
		}
		if diff := cmp.Diff(base(t), i); diff != "" {
			t.Errorf("%q: an error changed the image: %s", tc, diff)
		}
	}
}

func TestInstructions(t *testing.T) {
	t.Parallel()
	want, got := base(t), base(t)
	if err := got.Instructions([]string{"ENV A=2", "CMD run $A", "EXPOSE $A"}); err != nil {
		t.Fatal(err)
	}
	want.setEnv([]string{"PATH=/bin", "A=2"})
	want.SetCmd([]string{"/bin/sh", "-c", "run $A"})
	want.SetPort("2/tcp")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if err := got.Instructions([]string{"ENTRYPOINT [\"x\"]"}); err != nil || got.OCI.Config.Cmd != nil {
		t.Errorf("the base's command stays under a new entrypoint: %v", err)
	}
	before := got.Clone()
	if err := got.Instructions([]string{"USER x", "RUN y"}); err == nil {
		t.Error("RUN: no error")
	}
	if diff := cmp.Diff(before, got); diff != "" {
		t.Errorf("an error changed the image: %s", diff)
	}
}

func TestTrigger(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Trigger{
		"RUN make  all":                  {Verb: "RUN", Args: []string{"make  all"}},
		`run ["make","all"]`:             {Verb: "RUN", Args: []string{"make", "all"}, JSON: true},
		"COPY --chown=1:2 --from=x a $D": {Verb: "COPY", Args: []string{"a", "/d"}, Flags: []string{"--chown=1:2", "--from=x"}},
		"ENV A=1":                        {Verb: "ENV", Args: []string{"A", "1", "="}},
	} {
		got, err := ParseTrigger(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got, err = got.Expand([]string{"D=/d"}); err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if got.Flags = append([]string(nil), got.Flags...); got.Verb == "COPY" || got.Verb == "RUN" {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q: %s", text, diff)
			}
		}
	}
	for _, text := range []string{"", "FROM x", "ONBUILD RUN x", "MAINTAINER x", "RUN a\nRUN b", "COPY <<E /x\ny\nE"} {
		if got, err := ParseTrigger(text); err == nil {
			t.Errorf("%q: got %+v and no error", text, got)
		}
	}
	if _, err := (Trigger{Verb: "ADD", Args: []string{"${X"}}).Expand(nil); err == nil || !strings.Contains(err.Error(), "${X") {
		t.Errorf("got error %v", err)
	}
}

func TestShellCommand(t *testing.T) {
	t.Parallel()
	i := scratch()
	if diff := cmp.Diff([]string{"/bin/sh", "-c", "a b"}, i.ShellCommand([]string{"a b"}, false)); diff != "" || i.ShellText() != "/bin/sh" {
		t.Error(diff, i.ShellText())
	}
	i.SetShell([]string{"/bin/bash", "-c"})
	if diff := cmp.Diff([]string{"a", "b"}, i.ShellCommand([]string{"a", "b"}, true)); diff != "" || i.ShellText() != "/bin/bash -c" {
		t.Error(diff, i.ShellText())
	}
	if diff := cmp.Diff([]string{"/bin/bash", "-c", "x"}, i.ShellCommand([]string{"x"}, false)); diff != "" {
		t.Error(diff)
	}
}

func FuzzInstructions(f *testing.F) {
	for _, seed := range []string{"ENV A=1", "CMD [\"x\"]", "HEALTHCHECK CMD x", "EXPOSE $A", "WORKDIR ../x", "RUN <<E\nx\nE", "ONBUILD RUN x"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, line string) {
		i := Image{}
		_ = i.Instructions([]string{line})
		_ = i.Override(nil, []string{line}, nil)
		_, _ = ParseTrigger(line)
	})
}
