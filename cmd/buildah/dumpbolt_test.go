package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.etcd.io/bbolt"
	"golang.org/x/sys/unix"
)

// boltFile makes a database with a bucket in a bucket.
func boltFile(t *testing.T, name string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	db, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		outer, err := tx.CreateBucket([]byte("blobs"))
		if err != nil {
			return err
		}
		if err := outer.Put([]byte("digest"), []byte("a\x00\"b\"")); err != nil {
			return err
		}
		inner, err := outer.CreateBucket([]byte("places"))
		if err != nil {
			return err
		}
		return inner.Put([]byte("one"), nil)
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	return file
}

// deepBolt makes a database with as many buckets in each other as are refused.
func deepBolt(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "deep.db")
	db, err := bbolt.Open(file, 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucket([]byte("b"))
		for i := 0; i < boltDepth && err == nil; i++ {
			b, err = b.CreateBucket([]byte("b"))
		}
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestDumpBolt(t *testing.T) {
	t.Parallel()
	file := boltFile(t, "some.db")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	want := `["blobs"]
  "digest": "a\x00\"b\""
  ["places"]
    "one": ""
`
	if got := runProgram(t, "dumpbolt", file); got != want {
		t.Errorf("got\n%swanted\n%s", got, want)
	}
	if after, err := os.ReadFile(file); err != nil || string(after) != string(before) {
		t.Errorf("the database is not what it was (%v)", err)
	}
}

func TestDumpBoltRefuses(t *testing.T) {
	t.Parallel()
	text := filepath.Join(t.TempDir(), "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("no database\n", 2000)), 0o600); err != nil {
		t.Fatal(err)
	}
	// The pages behind the first two are gone, or overwritten.
	short, damaged := boltFile(t, "short.db"), boltFile(t, "damaged.db")
	if err := os.Truncate(short, 2*int64(os.Getpagesize())+8); err != nil {
		t.Fatal(err)
	}
	body, err := os.ReadFile(damaged)
	if err != nil {
		t.Fatal(err)
	}
	for i := 2 * os.Getpagesize(); i < len(body); i++ {
		body[i] = 0xff
	}
	if err := os.WriteFile(damaged, body, 0o600); err != nil {
		t.Fatal(err)
	}
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{text, short, damaged, pipe, deepBolt(t), filepath.Join(t.TempDir(), "none"), t.TempDir()} {
		var out strings.Builder
		if err := dumpBolt(&out, file); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: %v", file, err)
		}
		if out.String() != "" {
			t.Errorf("%s: half of it is written:\n%s", file, out.String())
		}
	}
}
