package builder

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/runner"
	"github.com/projectatomic/buildah/internal/testenv"
)

// busybox is a container on busybox whose commands run under chroot isolation,
// which needs no other program.
func (v *env) busybox(change ...func(*FromOptions)) *Builder {
	v.t.Helper()
	testenv.Busybox(v.t, v.Store)
	return v.from("busybox", append(change, func(o *FromOptions) { o.Execution.Isolation = IsolationChroot })...)
}

// sh runs a line of shell and gives what it prints.
func (v *env) sh(b *Builder, line string, o RunOptions) (string, error) {
	v.t.Helper()
	var out bytes.Buffer
	o.Stdio.Out, o.Stdio.Err = &out, &out
	err := b.Run(v.t.Context(), []string{"/bin/sh", "-c", line}, o)
	return out.String(), err
}

func TestRun(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox()
	b.Image().SetWorkDir("/made/for/it")
	out, err := v.sh(b, "echo $A; pwd; id -u; cat; echo made > file; hostname", RunOptions{
		Process: ProcessOptions{Env: []string{"A=b"}, User: "daemon", Hostname: "hn"}, Stdio: Stdio{In: strings.NewReader("input\n")},
	})
	if want := "b\n/made/for/it\n1\ninput\nhn\n"; out != want || err != nil {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
	if got := v.read(b, "made/for/it/file"); got != "made\n" {
		t.Errorf("the file it made: %q", got)
	}
	var exit *ExitError
	if _, err := v.sh(b, "exit 7", RunOptions{}); !errors.As(err, &exit) || exit.Code != 7 {
		t.Errorf("got the error %v, want the status 7", err)
	}
	if _, err := v.sh(b, "exit 7", RunOptions{ValidCodes: []int{0, 7}}); err != nil {
		t.Errorf("a status that counts as success: %v", err)
	}
	if _, err := v.sh(b, "kill -9 $$", RunOptions{ValidCodes: []int{137}}); !errors.As(err, &exit) || exit.Signal == "" {
		t.Errorf("a signal is no status: %v", err)
	}
	var start *StartError
	if err := b.Run(t.Context(), []string{"/no/such"}, RunOptions{}); !errors.As(err, &start) {
		t.Errorf("got the error %v, want one of starting", err)
	}
	wantError(t, b.Run(t.Context(), nil, RunOptions{}), "command must be specified")
	if _, err := v.sh(b, "true", RunOptions{AddHistory: true}); err != nil {
		t.Error(err)
	}
	history := try(Open(v.Engine, b.ID()))(t).Record().PrependedEmptyLayers
	if len(history) != 1 || !strings.Contains(history[0].CreatedBy, "true") {
		t.Errorf("history: %+v", history)
	}
	// Nothing is left of the runs: no mount, no directory, no stub in the image.
	if entries := try(os.ReadDir(v.Host.TempDir))(t); len(entries) != 0 || try(b.Mounted())(t) != "" {
		t.Errorf("left behind: %v, mounted at %q", entries, try(b.Mounted())(t))
	}
	for _, stub := range []string{"etc/resolv.conf", "etc/hosts", "run/.containerenv"} {
		if got := v.read(b, stub); got != "missing" {
			t.Errorf("%q is left behind: %q", stub, got)
		}
	}
}

// TestSharedPIDs holds when a layer may be taken by renaming: only when no
// process of a command can be left.
func TestSharedPIDs(t *testing.T) {
	t.Parallel()
	testenv.NeedProgram(t, "runc")
	for name, c := range map[string]struct {
		isolation  Isolation
		namespaces []Namespace
		want       bool
	}{
		"own":             {IsolationOCI, nil, false},
		"host":            {IsolationOCI, []Namespace{{Name: "pid", Host: true}}, true},
		"joined":          {IsolationChroot, []Namespace{{Name: "pid", Path: "/proc/self/ns/pid"}}, true},
		"chroot and host": {IsolationChroot, []Namespace{{Name: "pid", Host: true}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newEnv(t, "overlay")
			b := v.busybox(owned)
			// The verdict counts, not whether the command could be run.
			_, err := v.sh(b, "echo x > /file", RunOptions{Isolation: c.isolation, Namespaces: c.namespaces, Runtime: RuntimeOptions{Name: "runc"}})
			if b.shared != c.want {
				t.Errorf("shared is %v, want %v (%v)", b.shared, c.want, err)
			}
		})
	}
}

// plan is an execution that is not carried out.
func plan(b *Builder, o RunOptions, isolation Isolation) *execution {
	return &execution{Builder: b, o: o, isolation: isolation}
}

func TestNetworkChoice(t *testing.T) {
	t.Parallel()
	host, ours := networkChoice{host: true, managed: true}, networkChoice{configured: true, managed: true}
	path, named := Namespace{Name: "network", Path: "/run/netns/x"}, Namespace{Name: "network", Path: "podman,other"}
	for name, c := range map[string]struct {
		isolation Isolation
		record    NetworkPolicy
		policy    NetworkPolicy
		option    *Namespace
		want      networkChoice
		word      string
	}{
		"default":          {isolation: IsolationOCI, want: ours},
		"asked for":        {isolation: IsolationOCI, policy: NetworkEnabled, want: ours},
		"in the record":    {isolation: IsolationOCI, record: NetworkEnabled, want: ours},
		"chroot":           {isolation: IsolationChroot, policy: NetworkEnabled, want: host},
		"none":             {isolation: IsolationOCI, policy: NetworkDisabled, want: networkChoice{}},
		"none in record":   {isolation: IsolationOCI, record: NetworkDisabled, want: networkChoice{}},
		"run beats record": {isolation: IsolationOCI, record: NetworkDisabled, policy: NetworkEnabled, want: ours},
		"host":             {isolation: IsolationOCI, policy: NetworkEnabled, option: &Namespace{Name: "network", Host: true}, want: host},
		"join":             {isolation: IsolationOCI, option: &path, want: networkChoice{path: path.Path, managed: true}},
		"name in chroot":   {isolation: IsolationChroot, option: &named, want: host, word: "podman,other"}, // which is refused
		"by name":          {isolation: IsolationOCI, policy: NetworkEnabled, option: &named, want: ours, word: "podman,other"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &Builder{engine: &Engine{}}
			b.record.ConfigureNetwork = c.record
			b.record.NamespaceOptions = []Namespace{{Name: "pid"}, {Name: "network"}}
			o := RunOptions{Network: c.policy}
			if c.option != nil {
				o.Namespaces = []Namespace{*c.option}
			}
			got, word := plan(b, o, c.isolation).chooseNetwork()
			if !reflect.DeepEqual(got, c.want) || word != c.word {
				t.Errorf("got %+v, %q; want %+v, %q", got, word, c.want, c.word)
			}
		})
	}
}

func TestIsolationChoice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		option, record Isolation
		env            string
		rootless       bool
		want           Isolation
	}{
		"nothing":            {want: IsolationOCI},
		"record":             {record: IsolationChroot, want: IsolationChroot},
		"option wins":        {option: IsolationOCI, record: IsolationChroot, env: "chroot", want: IsolationOCI},
		"environment":        {record: IsolationOCI, env: "chroot", want: IsolationChroot},
		"rootless":           {record: IsolationOCI, rootless: true, want: IsolationOCIRootless},
		"rootless in chroot": {record: IsolationChroot, rootless: true, want: IsolationChroot},
	} {
		b := &Builder{engine: &Engine{Host: Host{Isolation: c.env, Rootless: c.rootless}}}
		b.record.Isolation = c.record
		if got, err := b.isolation(RunOptions{Isolation: c.option}); got != c.want || err != nil {
			t.Errorf("%s: got %v, %v, want %v", name, got, err, c.want)
		}
	}
	for word, want := range map[string]Isolation{"": 0, "default": 0, "OCI": 1, "chroot": 2, "rootless": 3} {
		if got, err := ParseIsolation(word); got != want || err != nil {
			t.Errorf("%q: got %v, %v", word, got, err)
		}
	}
	_, err := ParseIsolation("vm")
	wantError(t, err, "vm")
}

func TestJudge(t *testing.T) {
	t.Parallel()
	exit := func(code int) error { return &runner.ExitError{Code: code} }
	other := errors.New("other")
	for _, c := range []struct {
		err   error
		valid []int
		fails bool
	}{
		{nil, nil, false},
		{exit(3), nil, true},
		{exit(3), []int{3}, false},
		{exit(3), []int{0}, true},
		{nil, []int{3}, true},
		{nil, []int{0, 3}, false},
		{other, []int{0}, true},
		{&runner.ExitError{Code: 137, Signal: "KILL"}, []int{137}, true},
	} {
		if err := judge(c.err, c.valid); (err != nil) != c.fails {
			t.Errorf("judge(%v, %v) = %v", c.err, c.valid, err)
		}
	}
}

func TestDevices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for text, want := range map[string][3]string{
		"/dev/null": {"/dev/null", "/dev/null", "rwm"}, "/dev/null:/dev/x": {"/dev/null", "/dev/x", "rwm"},
		"/dev/null:r": {"/dev/null", "/dev/null", "r"}, "/dev/null:/dev/x:rw": {"/dev/null", "/dev/x", "rw"},
	} {
		host, target, access, err := splitDevice(text)
		if got := [3]string{host, target, access}; got != want || err != nil {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "null", "/dev/null:x", "/dev/null:/x:", "/dev/null:/x:rw:m", "/dev/no-such", "vendor.com/class=all", dir, dir + "/.."} {
		if _, err := parseDevice(text); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
	null := try(parseDevice("/dev/null:/dev/nul:rw"))(t)
	mode, zero := os.FileMode(0o666), uint32(0)
	want := specs.LinuxDevice{Path: "/dev/nul", Type: "c", Major: 1, Minor: 3, FileMode: &mode, UID: &zero, GID: &zero}
	if diff := cmp.Diff(want, null[0].LinuxDevice); diff != "" || null[0].Access != "rw" || len(null) != 1 {
		t.Errorf("%q\n%s", null[0].Access, diff)
	}
	testenv.NeedRoot(t)
	for name, device := range map[string]int{"a": int(unix.Mkdev(1, 3)), "sub/b": int(unix.Mkdev(1, 5))} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), unix.Mknod(path, unix.S_IFCHR|0o600, device)); err != nil {
			t.Fatal(err)
		}
	}
	all := try(parseDevice(dir + ":/in/side:r"))(t)
	if len(all) != 2 || all[0].Path != "/in/side/a" || all[1].Path != "/in/side/sub/b" || all[1].Minor != 5 {
		t.Errorf("of a directory: %+v", all)
	}
}

// TestRlimits holds that the record's limits come after the configured ones.
func TestRlimits(t *testing.T) {
	t.Parallel()
	b := &Builder{engine: &Engine{}}
	b.engine.Config.DefaultUlimits = []string{"nofile=10:20"}
	b.record.CommonBuildOpts = &CommonOptions{Ulimit: []string{"core=0", "NOFILE=30", "stack=-1"}}
	all := try(plan(b, RunOptions{}, IsolationOCI).rlimits())(t)
	want := []specs.POSIXRlimit{
		{Type: "RLIMIT_NOFILE", Soft: 10, Hard: 20},
		{Type: "RLIMIT_CORE"},
		{Type: "RLIMIT_NOFILE", Soft: 30, Hard: 30},
		{Type: "RLIMIT_STACK", Soft: ^uint64(0), Hard: ^uint64(0)},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"nofile", "nofile=x", "nofile=2:1", "sheep=1", "nofile=1:2:3"} {
		b.record.CommonBuildOpts.Ulimit = []string{text}
		_, err := plan(b, RunOptions{}, IsolationOCI).rlimits()
		wantError(t, err, text)
	}
}

// TestRlimitsInside asks a command for its limits.
func TestRlimitsInside(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox(func(o *FromOptions) {
		o.Execution.CommonBuildOpts = &CommonOptions{Ulimit: []string{"nofile=100:200", "core=0"}}
	})
	out, err := v.sh(b, "ulimit -Sn; ulimit -Hn; ulimit -c", RunOptions{})
	if want := "100\n200\n0\n"; out != want || err != nil {
		t.Errorf("got %q, %v, want %q", out, err, want)
	}
}

func TestResourcesAndGroups(t *testing.T) {
	t.Parallel()
	b := &Builder{engine: &Engine{}}
	b.record.CommonBuildOpts = &CommonOptions{}
	if r := plan(b, RunOptions{}, IsolationOCI).resources(); r != nil {
		t.Errorf("no limits give %+v", r)
	}
	b.record.CommonBuildOpts = &CommonOptions{CPUQuota: -1, CPUSetCPUs: "0", Memory: 5, MemorySwap: -1}
	r := plan(b, RunOptions{}, IsolationOCI).resources()
	if *r.CPU.Quota != -1 || r.CPU.Period != nil || r.CPU.Cpus != "0" || *r.Memory.Limit != 5 || *r.Memory.Swap != -1 {
		t.Errorf("got %+v %+v", r.CPU, r.Memory)
	}
	for text, want := range map[string]string{"": "1", "7": "1,7", "1 7": "1,7", "keep-groups": "keep", "7 keep-groups": "error", "wheel": "error"} {
		b.record.GroupAdd = strings.Fields(text)
		x := plan(b, RunOptions{}, IsolationOCI)
		x.user.GID, x.user.Groups = 1, []uint32{1}
		groups, keep, err := x.groups()
		var words []string
		for _, g := range groups {
			words = append(words, strconv.Itoa(int(g)))
		}
		got := strings.Join(words, ",")
		if keep {
			got = "keep"
		}
		if err != nil {
			got = "error"
		}
		if got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestHostnames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{"a_b.c-1": "ab.c-1", strings.Repeat("x", 70): strings.Repeat("x", 64), "é": ""} {
		if got := hostnameOf(name); got != want {
			t.Errorf("hostnameOf(%q) = %q, want %q", name, got, want)
		}
	}
}

// TestCancelledRun checks that a command ends with its context, and leaves nothing.
func TestCancelledRun(t *testing.T) {
	t.Parallel()
	v := newEnv(t, "overlay")
	b := v.busybox()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	start := time.Now()
	if err := b.Run(ctx, []string{"sleep", "30"}, RunOptions{}); err == nil || time.Since(start) > 10*time.Second {
		t.Errorf("after %v: %v", time.Since(start), err)
	}
	if entries := try(os.ReadDir(v.Host.TempDir))(t); len(entries) != 0 || try(b.Mounted())(t) != "" {
		t.Errorf("left behind: %v", entries)
	}
}
