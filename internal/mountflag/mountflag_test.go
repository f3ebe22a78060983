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
			Cache: CacheOptions{ID: "x", Mode: 0o700, UID: 1, GID: 2, Locked: true},
		}},
		{name: "no target", in: "type=tmpfs,ro", err: `"target" is missing`},
		{name: "nothing but a type", in: "type=tmpfs", err: "not of the form"},
		{name: "empty", in: "", err: "not of the form"},
		{name: "no source", in: "type=bind,dst=/b", err: `"source" is missing`},
		{name: "relative source", in: "src=a,dst=/b", err: "not absolute"},
		{name: "relative target", in: "src=/a,dst=b", err: "not absolute"},
		{name: "root as target", in: "src=/a,dst=/x/..", err: "root"},
		{name: "secret", in: "type=secret,id=x", err: "type=bind"},
		{name: "ssh", in: "type=ssh", err: "SSH_AUTH_SOCK"},
		{name: "unknown type", in: "type=volume,dst=/b", err: `unknown type "volume"`},
		{name: "unknown key", in: "src=/a,dst=/b,fast=1", err: `unknown option "fast"`},
		{name: "unknown word", in: "src=/a,dst=/b,fast", err: `unknown option "fast"`},
		{name: "target twice", in: "src=/a,dst=/b,target=/c", err: "twice"},
		{name: "ro and rw", in: "src=/a,dst=/b,ro,rw", err: "exclude each other"},
		{name: "source for a tmpfs", in: "type=tmpfs,src=/a,dst=/b", err: "unknown option"},
		{name: "sharing", in: "type=cache,dst=/b,sharing=private", err: "locked"},
		{name: "mode", in: "type=cache,dst=/b,mode=9", err: "octal"},
		{name: "size", in: "type=tmpfs,dst=/b,tmpfs-size=big", err: "not a size"},
		{name: "relabel", in: "src=/a,dst=/b,relabel=x", err: "relabel"},
		{name: "propagation", in: "src=/a,dst=/b,bind-propagation=x", err: "propagation"},
		{name: "value missing", in: "src=/a,dst", err: "needs a value"},
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
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := ParseVolume(text); err == nil && (v.Source[0] != '/' || v.Target[0] != '/' || strings.Contains(v.Target, "/../")) {
			t.Fatalf("%q gives %+v", text, v)
		}
		if m, err := ParseMount(text, Context{Workdir: "/w"}); err == nil && (m.Target[0] != '/' || strings.Contains(m.Target+"/", "/../")) {
			t.Fatalf("%q gives %+v", text, m)
		}
	})
}
