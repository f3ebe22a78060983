package secrets

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParse(t *testing.T) {
	t.Parallel()
	const format = "incorrect secret flag format: should be --secret id=foo,src=bar[,env=ENV][,type=file|env]"
	for _, tt := range []struct {
		name, in string
		want     Spec
		err      string
	}{
		{name: "file", in: "id=a,src=f", want: Spec{ID: "a", File: "f"}},
		{name: "file, said so", in: "type=file,id=a,source=f", want: Spec{ID: "a", File: "f"}},
		{name: "variable", in: "id=a,env=V", want: Spec{ID: "a", Env: "V"}},
		{name: "variable as a source", in: "id=a,src=V,type=env", want: Spec{ID: "a", Env: "V"}},
		{name: "variable of its name", in: "id=a,type=env", want: Spec{ID: "a", Env: "a"}},
		{name: "file of its name", in: "id=a,type=file", want: Spec{ID: "a", File: "a"}},
		{name: "only a name", in: "id=a", want: Spec{ID: "a"}},
		{name: "comma", in: `id=a,"src=f,g"`, want: Spec{ID: "a", File: "f,g"}},
		{name: "equals sign", in: "id=a,src=f=g", want: Spec{ID: "a", File: "f=g"}},
		{name: "two sources", in: "id=a,src=f,env=V", err: "exclude each other"},
		{name: "file from a variable", in: "id=a,env=V,type=file", err: "exclude each other"},
		{name: "unknown type", in: "id=a,type=url", err: "invalid secret type"},
		{name: "empty name", in: "id=,src=f", err: format},
		{name: "word", in: "id=a,src", err: format},
		{name: "source only", in: "src=f", err: format},
		{name: "no value", in: "id", err: format},
		{name: "empty", in: "", err: format},
		{name: "unknown key", in: "id=a,mode=1", err: format},
		{name: "two lines", in: "\"id=a\"\nsrc=b", err: format},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := Parse(tt.in)
			check(t, got, err, tt.want, tt.err)
		})
	}
}

func check[T any](t *testing.T, got T, err error, want T, message string) {
	t.Helper()
	if message != "" {
		if err == nil || !strings.Contains(err.Error(), message) {
			t.Fatalf("error is %v, want one with %q", err, message)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestParseAgent(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]AgentSpec{
		"default": {ID: "default"}, "a=/s": {ID: "a", Paths: []string{"/s"}}, "a=k,l": {ID: "a", Paths: []string{"k", "l"}},
	} {
		got, err := ParseAgent(in)
		check(t, got, err, want, "")
	}
	for _, in := range []string{"", "=/s", "a=", "a=k,,l", "a=\"b\"\nc"} {
		if _, err := ParseAgent(in); err == nil {
			t.Errorf("%q is taken", in)
		}
	}
}

func TestLoad(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, socket, big := filepath.Join(dir, "file"), filepath.Join(dir, "socket"), filepath.Join(dir, "big")
	for name, size := range map[string]int64{file: 0, big: MaxSecret + 1} {
		if err := os.WriteFile(name, []byte("from the file\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if size > 0 {
			if err := os.Truncate(name, size); err != nil {
				t.Fatal(err)
			}
		}
	}
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	vars := map[string]string{"V": "from V", "SSH_AUTH_SOCK": socket, file: "from the variable"}
	lookup := func(name string) (string, bool) { v, ok := vars[name]; return v, ok }
	for _, tt := range []struct {
		name   string
		secret Spec
		agent  AgentSpec
		want   string // of the secret, or the socket, or the number of keys
		err    string
	}{
		{name: "file", secret: Spec{ID: "a", File: file}, want: "from the file\n"},
		{name: "variable", secret: Spec{ID: "a", Env: "V"}, want: "from V"},
		{name: "variable before file", secret: Spec{ID: file}, want: "from the variable"},
		{name: "no variable", secret: Spec{ID: "a", Env: "W"}, err: `could not parse secrets: secret "a": the variable "W" is not set`},
		{name: "no file", secret: Spec{ID: "a", File: dir + "/none"}, err: "no such file"},
		{name: "neither", secret: Spec{ID: dir + "/none"}, err: "no such file"},
		{name: "directory", secret: Spec{ID: "a", File: dir}, err: "is a directory"},
		{name: "too big", secret: Spec{ID: "a", File: big}, err: "has more than"},
		{name: "caller's agent", agent: AgentSpec{ID: "default"}, want: socket},
		{name: "socket", agent: AgentSpec{ID: "x", Paths: []string{socket}}, want: socket},
		{name: "keys", agent: AgentSpec{ID: "x", Paths: []string{file, file}}, want: "from the file\nfrom the file\n"},
		{name: "two sockets", agent: AgentSpec{ID: "x", Paths: []string{socket, socket}}, err: "only one socket is allowed"},
		{name: "both", agent: AgentSpec{ID: "x", Paths: []string{file, socket}}, err: "cannot mix keys and socket file"},
		{name: "no key", agent: AgentSpec{ID: "x", Paths: []string{dir + "/none"}}, err: "no such file"},
		{name: "big key", agent: AgentSpec{ID: "x", Paths: []string{big}}, err: "has more than"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var list []Spec
			var agents []AgentSpec
			if tt.secret.ID != "" {
				list = append(list, Spec{ID: tt.secret.ID, File: "/none/replaced"}, tt.secret)[1:]
			} else {
				agents = append(agents, tt.agent)
			}
			g, err := Load(list, agents, lookup)
			got := string(g.Secrets[tt.secret.ID]) + g.Agents[tt.agent.ID].Socket
			for _, k := range g.Agents[tt.agent.ID].Keys {
				got += string(k.Data)
			}
			check(t, got, err, tt.want, tt.err)
		})
	}
	delete(vars, "SSH_AUTH_SOCK")
	_, err = Load(nil, []AgentSpec{{ID: "default"}}, lookup)
	check(t, "", err, "", "SSH_AUTH_SOCK not set in environment")
}

// TestReplace holds that the last of several with one ID counts.
func TestReplace(t *testing.T) {
	t.Parallel()
	lookup := func(name string) (string, bool) { return "value of " + name, true }
	g, err := Load([]Spec{{ID: "a", Env: "X"}, {ID: "a", Env: "Y"}}, nil, lookup)
	check(t, string(g.Secrets["a"]), err, "value of Y", "")
}

func FuzzParse(f *testing.F) {
	f.Add("id=a,src=b,type=file")
	f.Add(`"id=a,b",env=C`)
	f.Add("default=/a,/b")
	f.Fuzz(func(t *testing.T, text string) {
		if s, err := Parse(text); err == nil && (s.ID == "" || s.File != "" && s.Env != "") {
			t.Errorf("%q gives %+v", text, s)
		}
		if a, err := ParseAgent(text); err == nil && (a.ID == "" || strings.Contains(a.ID, "=")) {
			t.Errorf("%q gives %+v", text, a)
		}
	})
}
