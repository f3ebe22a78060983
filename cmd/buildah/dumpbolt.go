package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/urfave/cli/v2"
	"go.etcd.io/bbolt"
)

// boltWait is how long another program may keep a database to itself.
const boltWait = 2 * time.Second

func (p *program) dumpBoltCommand() *cli.Command {
	return &cli.Command{
		Name:      "dumpbolt",
		Usage:     "show what is in a bolt database",
		ArgsUsage: "FILE",
		Description: "For finding faults: the cache of blob locations of image tools and the leases of networks are such files.\n" +
			"Buckets are indented, and keys and values quoted.",
		Category:  systemGroup,
		UsageText: "buildah dumpbolt /var/lib/containers/cache/blob-info-cache-v1.boltdb",
		Hidden:    true,
		Before:    takes(1, 1),
		Action: func(c *cli.Context) error {
			return dumpBolt(c.App.Writer, c.Args().First())
		},
	}
}

// dumpBolt writes what is in a database, without changing it.
func dumpBolt(w io.Writer, file string) (err error) {
	switch info, err := os.Stat(file); {
	case err != nil: // bolt would wait for a lock
		return fmt.Errorf("reading a bolt database: %w", err)
	case !info.Mode().IsRegular(): // or for who writes into a pipe
		return fmt.Errorf("reading a bolt database: %q is no regular file", file)
	}
	// The file is mapped and believed: a damaged page is a panic, or a fault.
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("reading the bolt database %q: it is damaged: %v", file, r)
		}
	}()
	db, err := bbolt.Open(file, 0, &bbolt.Options{ReadOnly: true, Timeout: boltWait})
	if err != nil {
		return fmt.Errorf("reading the bolt database %q: %w", file, err)
	}
	var text bytes.Buffer
	err = db.View(func(tx *bbolt.Tx) error {
		return tx.ForEach(func(name []byte, b *bbolt.Bucket) error { return dumpBucket(&text, name, b, 0) })
	})
	if err = errors.Join(err, db.Close()); err != nil {
		return fmt.Errorf("reading the bolt database %q: %w", file, err)
	}
	_, err = w.Write(text.Bytes())
	return err
}

// boltDepth is how far buckets may lie in each other: damaged ones may lie in themselves.
const boltDepth = 100

func dumpBucket(w *bytes.Buffer, name []byte, b *bbolt.Bucket, depth int) error {
	if depth == boltDepth {
		return fmt.Errorf("more than %d buckets lie in each other", boltDepth)
	}
	indent := strings.Repeat("  ", depth)
	fmt.Fprintf(w, "%s[%q]\n", indent, name)
	return b.ForEach(func(k, v []byte) error {
		if v == nil {
			return dumpBucket(w, k, b.Bucket(k), depth+1)
		}
		fmt.Fprintf(w, "%s  %q: %q\n", indent, k, v)
		return nil
	})
}
