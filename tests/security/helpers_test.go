package security

import (
	"archive/tar"
	"bytes"
	"os"
	"os/exec"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/internal/testenv"
)

// lstat tells of a file of the host.
func lstat(t *testing.T, path string) unix.Stat_t {
	t.Helper()
	var st unix.Stat_t
	must(t, unix.Lstat(path, &st))
	return st
}

// exec2 is what another program prints.
func exec2(t *testing.T, name string, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), name, args...).Output()
	return strings.TrimSpace(string(out)), err
}

// archive makes a tar of entries as they are, however odd.
func archive(t *testing.T, entries ...tar.Header) string {
	t.Helper()
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for _, h := range entries {
		body := ""
		if h.Typeflag == tar.TypeReg {
			body = "evil"
		}
		h.Size, h.Mode = int64(len(body)), 0o777
		must(t, w.WriteHeader(&h))
		_, err := w.Write([]byte(body))
		must(t, err)
	}
	must(t, w.Close())
	return buf.String()
}

func link(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeSymlink, Name: name, Linkname: target}
}

func hardLink(name, target string) tar.Header {
	return tar.Header{Typeflag: tar.TypeLink, Name: name, Linkname: target}
}

func file(name string) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name} }

func dir(name string) tar.Header { return tar.Header{Typeflag: tar.TypeDir, Name: name + "/"} }

func itoa(n int) string { return strconv.Itoa(n) }

func removeFile(path string) error { return os.Remove(path) }

// programs are those that the attacks use: a small image is made quickly.
var programs = strings.Fields("sh cat chmod chown cmp cp date dd echo env false find grep id ln ls md5sum mkdir mkfifo mv pwd rm setsid sleep stat test touch tr true umount wc xargs")

// files is a root file system with busybox.
func files(t *testing.T) testenv.Files {
	t.Helper()
	all := testenv.BusyboxFiles(t)
	for name, text := range all {
		if text == "-> busybox" && !slices.Contains(programs, path.Base(name)) {
			delete(all, name)
		}
	}
	return all
}
