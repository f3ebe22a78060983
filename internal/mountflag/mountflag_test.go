package mountflag

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseVolume(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, in string
		want     Volume
		err      string // part of the message; "" means success
	}{
		{name: "plain", in: "/a:/b", want: Volume{Source: "/a", Target: "/b"}},
		{name: "paths are cleaned", in: "/a//x/:/b/./c", want: Volume{Source: "/a/x", Target: "/b/c"}},
		{name: "colons in names", in: `/a\:1:/b\:2:ro`, want: Volume{Source: "/a:1", Target: "/b:2", Attributes: Attributes{ReadOnly: true}}},
		{name: "many options", in: "/a:/b:ro,z,U,rshared,nodev,noexec,nosuid,rbind", want: Volume{
			Source: "/a", Target: "/b", Attributes: Attributes{
				ReadOnly: true, Relabel: RelabelShared, Chown: true, Propagation: "rshared", NoDev: true, NoExec: true, NoSuid: true,
			},
		}},
		{name: "overlay", in: "/a:/b:O,upperdir=/u,workdir=/w", want: Volume{Source: "/a", Target: "/b", Overlay: true, UpperDir: "/u", WorkDir: "/w"}},
		{name: "no-ops", in: "/a:/b:cached,nocopy", want: Volume{Source: "/a", Target: "/b"}},
		{name: "id map", in: "/a:/b:idmap=uids=0-1-2", want: Volume{Source: "/a", Target: "/b", Attributes: Attributes{IDMap: "idmap=uids=0-1-2"}}},
		{name: "one part", in: "/a", err: "not of the form"},
		{name: "four parts", in: "/a:/b:ro:rw", err: "not of the form"},
		{name: "named volume", in: "data:/b", err: "not absolute"},
		{name: "relative target", in: "/a:b", err: "not absolute"},
		{name: "root as target", in: "/a:/", err: "root"},
		{name: "unknown option", in: "/a:/b:fast", err: `unknown option "fast"`},
		{name: "two of a class", in: "/a:/b:ro,rw", err: "exclude each other"},
		{name: "twice", in: "/a:/b:ro,ro", err: "twice"},
		{name: "z and O", in: "/a:/b:z,O", err: "exclude each other"},
		{name: "upper without work", in: "/a:/b:O,upperdir=/u", err: "go together"},
		{name: "upper without overlay", in: "/a:/b:upperdir=/u,workdir=/w", err: "need the option"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseVolume(tt.in)
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

func TestParseMount(t *testing.T) {
	t.Parallel()
	readOnly := Attributes{ReadOnly: true}
	tests := []struct {
		name, in string
		context  Context
		want     Mount
		err      string
	}{
		{name: "bind is the default and read-only", in: "src=/a,dst=/b", want: Mount{Kind: Bind, Source: "/a", Target: "/b", Attributes: readOnly}},
		{name: "bind, written to", in: "type=bind,source=/a,target=/b,rw", want: Mount{Kind: Bind, Source: "/a", Target: "/b"}},
		{name: "ro=false", in: "type=bind,source=/a,target=/b,ro=false", want: Mount{Kind: Bind, Source: "/a", Target: "/b"}},
		{name: "type at the end", in: "dst=/b,type=tmpfs", want: Mount{Kind: Tmpfs, Target: "/b"}},
		{name: "inside a root", in: "type=bind,dst=/b", context: Context{Rooted: true}, want: Mount{Kind: Bind, Target: "/b", Attributes: readOnly}},
		{name: "of an image", in: "type=bind,from=img,src=x,dst=b", context: Context{Workdir: "/w"}, want: Mount{
			Kind: Bind, From: "img", Source: "x", Target: "/w/b", Attributes: readOnly,
		}},
		{name: "bind options", in: "src=/a,dst=/b,bind-propagation=rslave,bind-nonrecursive,relabel=private,nosuid,nodev,noexec,U,no-dereference,consistency=cached", want: Mount{
			Kind: Bind, Source: "/a", Target: "/b", Flat: true, Attributes: Attributes{
				ReadOnly: true, Propagation: "rslave", Relabel: RelabelPrivate, NoSuid: true, NoDev: true, NoExec: true, Chown: true, NoDereference: true,
			},
		}},
		{name: "tmpfs options", in: "type=tmpfs,dst=/b,tmpfs-size=64m,tmpfs-mode=1770,tmpcopyup,ro,noexec", want: Mount{
			Kind: Tmpfs, Target: "/b", Attributes: Attributes{ReadOnly: true, NoExec: true}, Tmpfs: TmpfsOptions{Size: 64 << 20, Mode: "1770", CopyUp: true},
		}},
		{name: "cache", in: "type=cache,dst=/b", want: Mount{Kind: Cache, Target: "/b", Attributes: Attributes{Propagation: "shared"}, Cache: CacheOptions{Mode: 0o755}}},
		{name: "cache options", in: "type=cache,dst=/b,id=x,mode=0700,uid=1,gid=2,sharing=locked,ro", want: Mount{
			Kind: Cache, Target: "/b", Attributes: Attributes{ReadOnly: true, Propagation: "shared"},
			Cache: CacheOptions{ID: "x", Mode: 0o700, UID: 1, GID: 2, Sharing: SharingLocked},
		}},
		{name: "cache of one's own", in: "type=cache,dst=/b,sharing=private,bind-propagation=rslave", want: Mount{
			Kind: Cache, Target: "/b", Attributes: Attributes{Propagation: "rslave"}, Cache: CacheOptions{Mode: 0o755, Sharing: SharingPrivate},
		}},
		{name: "quotes and capitals", in: `Type=bind,"SRC=/a,1",dst=/b"c`, want: Mount{Kind: Bind, Source: "/a,1", Target: `/b"c`, Attributes: readOnly}},
		{name: "size", in: "type=tmpfs,dst=/b,size=1g", want: Mount{Kind: Tmpfs, Target: "/b", Tmpfs: TmpfsOptions{Size: 1 << 30}}},
		{name: "secret", in: "type=secret,id=x", want: Mount{
			Kind: Secret, Target: "/run/secrets/x", Attributes: readOnly, Key: KeyOptions{ID: "x", Mode: 0o400, UID: StepUser, GID: StepUser},
		}},
		{name: "secret named by its target", in: "type=secret,target=keys/id,required,mode=0440,uid=1,gid=2", context: Context{Workdir: "/w"}, want: Mount{
			Kind: Secret, Target: "/w/keys/id", Attributes: readOnly, Key: KeyOptions{ID: "id", Mode: 0o440, UID: 1, GID: 2, Required: true},
		}},
		{name: "secret in a variable", in: "type=secret,id=x,env=X,required=false", want: Mount{Kind: Secret, Attributes: readOnly, Key: KeyOptions{ID: "x", Env: "X", Mode: 0o400, UID: StepUser, GID: StepUser}}},
		{name: "secret in both", in: "type=secret,id=x,env=X,dst=/x", want: Mount{Kind: Secret, Target: "/x", Attributes: readOnly, Key: KeyOptions{ID: "x", Env: "X", Mode: 0o400, UID: StepUser, GID: StepUser}}},
		{name: "secret's name leads nowhere else", in: "type=secret,id=../../etc/passwd", want: Mount{
			Kind: Secret, Target: "/run/secrets/etc/passwd", Attributes: readOnly, Key: KeyOptions{ID: "../../etc/passwd", Mode: 0o400, UID: StepUser, GID: StepUser},
		}},
		{name: "ssh", in: "type=ssh", want: Mount{Kind: SSH, Attributes: readOnly, Key: KeyOptions{ID: "default", Mode: 0o600, UID: StepUser, GID: StepUser}}},
		{name: "ssh options", in: "type=ssh,id=x,dst=s,mode=0444,uid=1,gid=2,required=true", context: Context{Workdir: "/w"}, want: Mount{
			Kind: SSH, Target: "/w/s", Attributes: readOnly, Key: KeyOptions{ID: "x", Mode: 0o444, UID: 1, GID: 2, Required: true},
		}},
		{name: "secret without a name", in: "type=secret,required", err: `"id" is missing`},
		{name: "secret without a usable name", in: "type=secret,id=..", err: "give a target"},
		{name: "secret's source", in: "type=secret,id=x,src=/etc/passwd", err: "src: invalid mount option for type=secret"},
		{name: "secret in an odd variable", in: "type=secret,id=x,env=A=B", err: "name of a variable"},
		{name: "required what", in: "type=ssh,required=perhaps", err: "neither true nor false"},
		{name: "two lines", in: "type=bind,\"src=/a\"\ndst=/b", err: "more than one line"},
		{name: "no target", in: "type=tmpfs,ro", err: `"target" is missing`},
		{name: "nothing but a type", in: "type=tmpfs", err: "not of the form"},
		{name: "empty", in: "", err: "not of the form"},
		{name: "no source", in: "type=bind,dst=/b", err: `"source" is missing`},
		{name: "relative source", in: "src=a,dst=/b", err: "not absolute"},
		{name: "relative target", in: "src=/a,dst=b", err: "not absolute"},
		{name: "root as target", in: "src=/a,dst=/x/..", err: "root"},
		{name: "unknown type", in: "type=volume,dst=/b", err: `invalid mount type "volume"`},
		{name: "nearly a type", in: "type=bnid,dst=/b", err: `did you mean "bind"?`},
		{name: "unknown key", in: "src=/a,dst=/b,fast=1", err: "fast: invalid mount option"},
		{name: "unknown word", in: "src=/a,dst=/b,fast", err: "fast: invalid mount option"},
		{name: "nearly a key", in: "src=/a,trget=/b", err: `trget: invalid mount option (did you mean "target"?)`},
		{name: "another type's key", in: "src=/a,dst=/b,tmpcopyup", err: "tmpcopyup: invalid mount option for type=bind, it belongs to type=tmpfs"},
		{name: "value for a word", in: "src=/a,dst=/b,nosuid=1", err: "nosuid: must not provide an argument for option"},
		{name: "empty from", in: "from=,dst=/b", err: "from points to an empty value"},
		{name: "target twice", in: "src=/a,dst=/b,target=/c", err: "twice"},
		{name: "ro and rw", in: "src=/a,dst=/b,ro,rw", err: "exclude each other"},
		{name: "source for a tmpfs", in: "type=tmpfs,src=/a,dst=/b", err: "src: invalid mount option"},
		{name: "sharing", in: "type=cache,dst=/b,sharing=privat", err: `did you mean "private"?`},
		{name: "mode", in: "type=cache,dst=/b,mode=9", err: "octal"},
		{name: "size", in: "type=tmpfs,dst=/b,tmpfs-size=big", err: "not a size"},
		{name: "relabel", in: "src=/a,dst=/b,relabel=x", err: "relabel"},
		{name: "propagation", in: "src=/a,dst=/b,bind-propagation=x", err: "bind-propagation=x: invalid mount option"},
		{name: "value missing", in: "src=/a,dst", err: "dst: must provide an argument for option"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := ParseMount(tt.in, tt.context)
			check(t, got, err, tt.want, tt.err)
		})
	}
}

func TestIdentity(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"type=cache,dst=/b":            "/b:0:0",
		"type=cache,dst=/b,id=x,uid=5": "x:5:0",
	} {
		m, err := ParseMount(in, Context{})
		if err != nil || m.Identity() != want {
			t.Errorf("%q has the identity %q (%v), want %q", in, m.Identity(), err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("/a:/b:ro,z")
	f.Add("type=cache,dst=/b,id=x,mode=0700")
	f.Add(`type=secret,"id=a,b",env=X,required=true`)
	f.Add("type=ssh,mode=0600,uid=1")
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseVolume(text); err == nil && (v.Source[0] != '/' || v.Target[0] != '/' || strings.Contains(v.Target, "/../")) {
			t.Fatalf("%q gives %+v", text, v)
		}
		m, err := ParseMount(text, Context{Workdir: "/w"})
		switch {
		case err != nil:
		case m.Target == "" && (m.Kind == SSH || m.Kind == Secret && m.Key.Env != ""):
		case m.Target == "", m.Target[0] != '/', m.Target == "/", strings.Contains(m.Target+"/", "/../"):
			t.Fatalf("%q gives %+v", text, m)
		}
	})
}
