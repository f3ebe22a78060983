package builder

import (
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// update writes the golden files anew; look at the difference before you commit it.
func update() bool {
	f := flag.Lookup("update")
	return f != nil && f.Value.String() == "true"
}

var _ = flag.Bool("update", false, "write the golden files of this package anew")

// golden compares JSON with a file of testdata.
func golden(t *testing.T, name string, got any) {
	t.Helper()
	data, ok := got.([]byte)
	if !ok {
		var err error
		if data, err = json.Marshal(got); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join("testdata", name)
	if update() {
		text, err := json.MarshalIndent(decode[any](t, data), "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, append(text, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want := decode[any](t, try(os.ReadFile(path))(t))
	if diff := cmp.Diff(want, decode[any](t, data)); diff != "" {
		t.Errorf("%s differs (-want +got):\n%s", path, diff)
	}
}

// fullRecord has a value in every field that is not obsolete.
func fullRecord() Record {
	when := fixedTime()
	img := imageconfig.Scratch(Platform{OS: "linux", Arch: "amd64"})
	img.OCI.Created, img.Docker.Created = &when, when
	img.SetLabel("l", "v")
	entry := History{Created: &when, CreatedBy: "cb", EmptyLayer: true}
	return Record{
		Args: map[string]string{"A": "1"}, Type: recordType,
		FromImage: "localhost/base:latest", FromImageID: strings.Repeat("1", 64), FromImageDigest: "sha256:" + strings.Repeat("2", 64),
		Config: []byte("{}"), Manifest: []byte("[]"), TopLayer: strings.Repeat("3", 64),
		Container: "c", ContainerID: strings.Repeat("4", 64), MountPoint: "/m", ProcessLabel: "p", MountLabel: "ml",
		Format: imageconfig.FormatOCI.MediaType(), Annotations: map[string]string{"a": "b"}, CreatedBy: "by", HistoryComment: "hc",
		OCIv1: img.OCI, Docker: img.Docker,
		PrependedEmptyLayers: []History{entry}, AppendedEmptyLayers: []History{entry},
		PrependedLinkedLayers: []LinkedLayer{{History: entry, BlobPath: "/b"}}, AppendedLinkedLayers: []LinkedLayer{{BlobPath: "/c"}},
		DefaultMountsFilePath: "/mounts.conf", Execution: fullExecution(), TempVolumes: map[string]bool{"/t": true},
	}
}

func fullExecution() Execution {
	x := Execution{
		Isolation: IsolationChroot, NamespaceOptions: []Namespace{{Name: "pid", Host: true}, {Name: "ipc", Path: "/proc/1/ns/ipc"}},
		ConfigureNetwork: NetworkEnabled, CNIPluginPath: "/cni", CNIConfigDir: "/cnid", GroupAdd: []string{"7"},
		Capabilities: []string{"CAP_CHOWN"}, Devices: []any{map[string]any{"path": "/dev/x"}}, DeviceSpecs: []string{"/dev/null"}, CDIConfigDir: "/cdi",
		IDMappingOptions: IDMappingOptions{
			HostUIDMapping: true, UIDMap: []IDMap{{ContainerID: 0, HostID: 100000, Size: 65536}}, GIDMap: []IDMap{{Size: 1}}, AutoUserNs: true,
		},
		CommonBuildOpts: &CommonOptions{
			AddHost: []string{"h:1.2.3.4"}, CgroupParent: "/cg", CPUPeriod: 1, CPUQuota: -1, CPUShares: 2, CPUSetCPUs: "0", CPUSetMems: "1",
			HTTPProxy: true, IdentityLabel: 2, Memory: 1 << 40, DNSSearch: []string{"s"}, DNSServers: []string{"1.1.1.1"}, DNSOptions: []string{"o"},
			LabelOpts: []string{"disable"}, Masks: []string{"/m"}, MemorySwap: -1, NoHostname: true, NoHosts: true, NoNewPrivileges: true,
			SeccompProfilePath: "unconfined", ApparmorProfile: "a", ShmSize: "64m", Ulimit: []string{"core=0"}, Volumes: []string{"/a:/b"},
			Secrets: []string{"s"}, SSHSources: []string{"d"}, OCIHooksDir: []string{"/h"}, Unmasks: []string{"ALL"}, OmitHistory: true, OmitTimestamp: true,
		},
	}
	x.IDMappingOptions.AutoUserNsOpts.Size = 3
	x.IDMappingOptions.AutoUserNsOpts.AdditionalUIDMappings = []IDMap{{Size: 2}}
	return x
}

// TestRecordGolden holds the keys and the shapes of the file, for a full record
// and for one that is empty: what is not omitted has to be there.
func TestRecordGolden(t *testing.T) {
	t.Parallel()
	for name, r := range map[string]Record{"record-full.json": fullRecord(), "record-empty.json": {Type: recordType}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := r.save(dir); err != nil {
				t.Fatal(err)
			}
			data := try(os.ReadFile(filepath.Join(dir, recordFile)))(t)
			golden(t, name, data)
			if strings.ContainsAny(string(data), "\n\t") || strings.HasSuffix(string(data), " ") {
				t.Errorf("the record is not compact: %q", data)
			}
		})
	}
}

func TestRecordRoundTrip(t *testing.T) {
	t.Parallel()
	dir, want := t.TempDir(), fullRecord()
	if err := want.save(dir); err != nil {
		t.Fatal(err)
	}
	got := try(loadRecord(dir))(t)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was saved is not what was read (-saved +read):\n%s", diff)
	}
}

// TestRecordKeys checks that a record of stock buildah loses no key and no value
// on its way through ours, besides those that are normalised.
func TestRecordKeys(t *testing.T) {
	t.Parallel()
	data := try(os.ReadFile("testdata/record-1.28.json"))(t)
	dir := t.TempDir()
	putRecord(t, dir, string(data))
	r := try(loadRecord(dir))(t)
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	before := decode[map[string]any](t, data)
	after := decode[map[string]any](t, try(os.ReadFile(filepath.Join(dir, recordFile)))(t))
	for key, value := range before {
		if diff := cmp.Diff(value, subset(after[key], value)); diff != "" {
			t.Errorf("key %q differs (-stock +ours):\n%s", key, diff)
		}
	}
	if r.Container != "old" || r.Isolation != IsolationChroot || r.CommonBuildOpts.Memory != 64<<20 || len(r.PrependedEmptyLayers) != 10 ||
		r.Docker.Config.Healthcheck == nil || r.Docker.Config.Healthcheck.Interval != 3*time.Second {
		t.Errorf("the record was read wrong: %+v", r)
	}
}

// subset drops the keys of objects in got that want does not have: newer ones of ours.
func subset(got, want any) any {
	g, isObject := got.(map[string]any)
	w, both := want.(map[string]any)
	if !isObject || !both {
		return got
	}
	kept := map[string]any{}
	for key, value := range g {
		if have, ok := w[key]; ok {
			kept[key] = subset(value, have)
		}
	}
	return kept
}

func putRecord(t testing.TB, dir, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, recordFile), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRecordTolerance reads what other writers may leave out.
func TestRecordTolerance(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"only the type": `{"type":"buildah 0.0.1"}`,
		"nulls": `{"type":"buildah 0.0.1","Args":null,"ociv1":{"config":null,"history":null},"docker":{"config":null,"history":null},
			"NamespaceOptions":null,"CommonBuildOpts":null,"IDMappingOptions":null,"annotations":null,"config":null}`,
		"unknown keys":        `{"type":"buildah 0.0.1","Future":{"a":[1]},"CommonBuildOpts":{"Later":true},"ociv1":{"new":1}}`,
		"only the old config": `{"type":"buildah 0.0.1","docker":{"container_config":{"Cmd":["x"]}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			putRecord(t, dir, text)
			r := try(loadRecord(dir))(t)
			if r.CommonBuildOpts == nil || r.OCIv1.Created == nil || r.Docker.Created.IsZero() || r.OCIv1.OS == "" || r.Docker.Architecture == "" {
				t.Errorf("the record was not completed: %+v", r)
			}
			if got := string(try(os.ReadFile(filepath.Join(dir, recordFile)))(t)); got != text {
				t.Errorf("reading changed the file: %s", got)
			}
		})
	}
}

// TestRecordRefused checks that what cannot be used is refused and left as it is.
func TestRecordRefused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"another type": `{"type":"buildah 0.0.2"}`, "no type": `{}`, "empty": ``, "cut": `{"type":"buildah 0.0.1"`, "not an object": `[]`,
		"wrong shape": `{"type":"buildah 0.0.1","CommonBuildOpts":7}`, "bad base64": `{"type":"buildah 0.0.1","config":"%"}`, "more": `{"type":"buildah 0.0.1"} {}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			putRecord(t, dir, text)
			if _, err := loadRecord(dir); !errors.Is(err, ErrBadRecord) {
				t.Errorf("got the error %v, want ErrBadRecord", err)
			}
			if got := string(try(os.ReadFile(filepath.Join(dir, recordFile)))(t)); got != text {
				t.Errorf("the file was changed: %s", got)
			}
		})
	}
	if _, err := loadRecord(t.TempDir()); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no record: got the error %v", err)
	}
}

// TestRecordIsNoFile checks that neither a FIFO, which would block, nor a link is followed.
func TestRecordIsNoFile(t *testing.T) {
	t.Parallel()
	fifo, link := t.TempDir(), t.TempDir()
	if err := unix.Mkfifo(filepath.Join(fifo, recordFile), 0o600); err != nil {
		t.Fatal(err)
	}
	putRecord(t, fifo+"/..", `{"type":"buildah 0.0.1"}`)
	if err := os.Symlink(fifo+"/../"+recordFile, filepath.Join(link, recordFile)); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{fifo, link} {
		if _, err := loadRecord(dir); !errors.Is(err, ErrBadRecord) {
			t.Errorf("got the error %v, want ErrBadRecord", err)
		}
	}
}

// TestRecordAtomic reads while others write: every reader sees a whole record.
func TestRecordAtomic(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	r := fullRecord()
	if err := r.save(dir); err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	for w := range 2 {
		go func() {
			mine := fullRecord()
			for i := range 40 {
				mine.HistoryComment = strings.Repeat("x", i*1000*(w+1))
				if err := mine.save(dir); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for finished := 0; finished < 2; {
		select {
		case err := <-done:
			if err != nil {
				t.Error(err)
			}
			finished++
		default:
			if _, err := loadRecord(dir); err != nil {
				t.Fatalf("a reader saw a half record: %v", err)
			}
		}
	}
	entries := try(os.ReadDir(dir))(t)
	info := try(os.Stat(filepath.Join(dir, recordFile)))(t)
	if len(entries) != 1 || info.Mode().Perm() != 0o600 {
		t.Errorf("left behind: %v, mode %v", entries, info.Mode())
	}
}

// FuzzLoadRecord checks that no bytes crash the reader, and that what it accepts
// is the same after it was saved and read again.
func FuzzLoadRecord(f *testing.F) {
	for _, name := range []string{"record-1.28.json", "record-full.json", "record-empty.json"} {
		data, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(data))
	}
	f.Add(`{"type":"buildah 0.0.1","docker":{"config":{"Healthcheck":{"Interval":-1}}},"ConfigureNetwork":9,"Isolation":-3}`)
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text string) {
		putRecord(t, dir, text)
		first, err := loadRecord(dir)
		if err != nil {
			if !errors.Is(err, ErrBadRecord) {
				t.Fatalf("got the error %v, want ErrBadRecord", err)
			}
			return
		}
		if err := first.save(dir); err != nil {
			t.Fatalf("saving what was read: %v", err)
		}
		second, err := loadRecord(dir)
		if err != nil {
			t.Fatalf("reading what was saved: %v", err)
		}
		if a, b := try(json.Marshal(first))(t), try(json.Marshal(second))(t); string(a) != string(b) {
			t.Errorf("saving changed the record:\n%s\n%s", a, b)
		}
		_, _ = first.Isolation.String(), first.ConfigureNetwork.String()
	})
}
