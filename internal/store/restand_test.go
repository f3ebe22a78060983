package store

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// container makes a container with a file in its data directory.
func dataContainer(t *testing.T, s *Store) Container {
	t.Helper()
	c, err := s.CreateContainer(NewContainer{Name: "work", Metadata: "mine"})
	must(t, err)
	dir, err := s.ContainerDir(c.ID)
	must(t, err, os.WriteFile(filepath.Join(dir, "record"), []byte("old"), 0o600))
	return c
}

func record(t *testing.T, s *Store, id string) string {
	t.Helper()
	dir, err := s.ContainerDir(id)
	must(t, err)
	data, err := os.ReadFile(filepath.Join(dir, "record"))
	if errors.Is(err, fs.ErrNotExist) {
		return "missing"
	}
	must(t, err)
	return string(data)
}

// journal is what a process leaves that is killed with one.
func journal(t *testing.T, s *Store, c Container) restanding {
	t.Helper()
	raw, err := s.raw.Container(c.ID)
	must(t, err)
	j := restanding{
		Restanding: Restanding{File: "record", Data: []byte("new")}, ID: c.ID, OldLayer: c.LayerID, Layer: "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
		Names: c.Names, Metadata: c.Metadata, Flags: raw.Flags,
	}
	token, err := s.writeJournal(&j)
	must(t, err, token.Close())
	return j
}

func journals(t *testing.T, s *Store) int {
	t.Helper()
	entries, err := os.ReadDir(s.journalsDir())
	must(t, err)
	return len(entries)
}

func TestRestand(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	c := dataContainer(t, s)
	must(t, s.Restand(c.ID, Restanding{File: "record", Data: []byte("new")}))
	now, err := s.Container("work")
	must(t, err)
	if now.ID != c.ID || now.Metadata != "mine" || now.LayerID == c.LayerID || now.MountLabel != c.MountLabel || now.ProcessLabel != c.ProcessLabel {
		t.Errorf("before %+v, after %+v", c, now)
	}
	raw, err := s.raw.Container(c.ID)
	must(t, err)
	if volatile, _ := raw.Flags["Volatile"].(bool); !volatile {
		t.Error("it is not volatile any more")
	}
	if got := record(t, s, c.ID); got != "new" {
		t.Errorf("the record says %q", got)
	}
	if _, err := s.raw.Layer(c.LayerID); err == nil {
		t.Error("the old layer is left")
	}
	if n := journals(t, s); n != 0 {
		t.Errorf("%d journals are left", n)
	}
}

// TestMendRestandings begins where a process can be killed.
func TestMendRestandings(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		killed func(t *testing.T, s *Store, j *restanding)
		record string
		again  bool // it has another layer than before
	}{
		"before anything happened":     {func(*testing.T, *Store, *restanding) {}, "old", false},
		"when the container was gone":  {func(t *testing.T, s *Store, j *restanding) { must(t, s.DeleteContainer(j.ID)) }, "new", true},
		"when only its layer was gone": {dropOnlyLayer, "new", true},
		"between the layer and the container": {func(t *testing.T, s *Store, j *restanding) {
			must(t, s.DeleteContainer(j.ID))
			_, err := s.raw.CreateLayer(j.Layer, "", nil, "", true, nil)
			must(t, err)
		}, "new", true},
		"before the record was there": {func(t *testing.T, s *Store, j *restanding) {
			must(t, s.DeleteContainer(j.ID), s.standAgain(j))
			dir, err := s.ContainerDir(j.ID)
			must(t, err, os.Remove(filepath.Join(dir, "record")))
		}, "new", true},
		"at the end": {func(t *testing.T, s *Store, j *restanding) { must(t, s.DeleteContainer(j.ID), s.standAgain(j)) }, "new", true},
		"and somebody was faster": {func(t *testing.T, s *Store, j *restanding) {
			must(t, s.DeleteContainer(j.ID))
			_, err := s.raw.CreateContainer(j.ID, j.Names, "", "", j.Metadata, nil)
			must(t, err)
		}, "missing", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t, "overlay")
			c := dataContainer(t, s)
			j := journal(t, s, c)
			must(t, os.WriteFile(filepath.Join(s.journalsDir(), ".new-1"), []byte("torn"), 0o600))
			tc.killed(t, s, &j)
			must(t, s.MendRestandings(), s.MendRestandings())
			now, err := s.Container("work")
			must(t, err)
			if now.ID != c.ID || (now.LayerID != c.LayerID) != tc.again || now.Metadata != "mine" {
				t.Errorf("before %+v, after %+v", c, now)
			}
			if got := record(t, s, c.ID); got != tc.record {
				t.Errorf("the record says %q, want %q", got, tc.record)
			}
			if n := journals(t, s); n != 0 {
				t.Errorf("%d journals are left", n)
			}
			path, err := s.Mount(c.ID, "")
			must(t, err)
			_, err = s.Unmount(c.ID)
			must(t, err, os.RemoveAll(filepath.Join(path, "x")))
		})
	}
}

// dropOnlyLayer is what deleting a container does first.
func dropOnlyLayer(t *testing.T, s *Store, j *restanding) {
	file := filepath.Join(s.GraphRoot(), "overlay-layers", "layers.json")
	data, err := os.ReadFile(file)
	must(t, err)
	var list []map[string]any
	must(t, json.Unmarshal(data, &list))
	list = slices.DeleteFunc(list, func(l map[string]any) bool { return l["id"] == j.OldLayer })
	data, err = json.Marshal(list)
	must(t, err)
	time.Sleep(20 * time.Millisecond) // the store looks at the time of the file
	must(t, os.WriteFile(file, data, 0o600), os.RemoveAll(filepath.Join(s.GraphRoot(), "overlay", j.OldLayer)))
	lock := filepath.Join(s.GraphRoot(), "overlay-layers", "layers.lock")
	must(t, os.WriteFile(lock, []byte("somebody else has written: 0123456789abcdef0123456789abcdef0123456"), 0o600))
}

// TestInHands asks for a container while another process has it in hands.
func TestInHands(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	c := dataContainer(t, s)
	j := journal(t, s, c)
	f, err := os.Open(filepath.Join(s.journalsDir(), c.ID))
	must(t, err, unix.Flock(int(f.Fd()), unix.LOCK_EX), s.DeleteContainer(c.ID))
	must(t, s.MendRestandings()) // its owner lives
	if n := journals(t, s); n != 1 {
		t.Fatalf("%d journals", n)
	}
	other, err := s.CreateContainer(NewContainer{NameHint: "work"})
	must(t, err)
	if other.Names[0] != "work-1" {
		t.Errorf("the name %q was given away", other.Names[0])
	}
	go func() {
		time.Sleep(100 * time.Millisecond)
		if err := s.standAgain(&j); err != nil {
			t.Error(err)
		}
		f.Close()
	}()
	if now, err := s.Container("work"); err != nil || now.ID != c.ID {
		t.Errorf("got %+v, %v", now, err)
	}
	if _, err := s.Container("nobody"); !errors.Is(err, ErrContainerUnknown) {
		t.Errorf("got %v", err)
	}
}

func TestBrokenJournal(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	must(t, os.MkdirAll(s.journalsDir(), 0o700))
	for _, text := range []string{"", "{", `{"ID":"a","Layer":"b","File":"../../x"}`} {
		must(t, os.WriteFile(filepath.Join(s.journalsDir(), "a"), []byte(text), 0o600))
		if err := s.MendRestandings(); err == nil {
			t.Errorf("%q was carried out", text)
		}
	}
}

func FuzzJournal(f *testing.F) {
	f.Add([]byte(`{"ID":"a","Layer":"b","File":"record","Data":"eA=="}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		file := filepath.Join(t.TempDir(), "j")
		must(t, os.WriteFile(file, data, 0o600))
		r, err := os.Open(file)
		must(t, err)
		defer r.Close()
		if j, err := readJournal(r); err == nil && (j.ID == "" || !filepath.IsLocal(j.File)) {
			t.Errorf("%+v", j)
		}
	})
}
