package layertree

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vbatts/tar-split/tar/asm"
	"github.com/vbatts/tar-split/tar/storage"
)

// headersOf is what a store keeps of a tar.
func headersOf(t testing.TB, tarball []byte) []byte {
	t.Helper()
	var kept bytes.Buffer
	z := gzip.NewWriter(&kept)
	r, done, err := asm.NewInputTarStreamWithDone(bytes.NewReader(tarball), storage.NewJSONPacker(z), storage.NewDiscardFilePutter())
	if err == nil {
		_, err = io.Copy(io.Discard, r)
	}
	if err == nil {
		err = <-done
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	return kept.Bytes()
}

// sample is a tar with all that makes the reader's life hard.
func sample(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, h := range []*tar.Header{
		{Name: "dir/", Typeflag: tar.TypeDir, Mode: 0o755},
		{Name: `dir/with "quotes",size":5`, Typeflag: tar.TypeReg, Size: 1 << 20, Mode: 0o600, Uid: 7, Gid: 8},
		{Name: strings.Repeat("long/", 60) + "name", Typeflag: tar.TypeReg, Size: 3},
		{Name: "l", Typeflag: tar.TypeSymlink, Linkname: strings.Repeat("x", 200)},
		{Name: "h", Typeflag: tar.TypeLink, Linkname: "dir/a"},
		{Name: "x", Typeflag: tar.TypeReg, Size: 513, PAXRecords: map[string]string{"SCHILY.xattr.user.big": strings.Repeat("y", 100_000)}},
		{Name: "umläut\xff", Typeflag: tar.TypeReg, Size: 0, Format: tar.FormatGNU},
	} {
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write(bytes.Repeat([]byte{'.'}, int(h.Size))); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestHeadersSayWhatTheTarSays(t *testing.T) {
	t.Parallel()
	tarball := sample(t)
	want, err := ReadTar(bytes.NewReader(tarball))
	if err != nil {
		t.Fatal(err)
	}
	got, err := ReadHeaders(bytes.NewReader(headersOf(t, tarball)))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(got) != 7 {
		t.Errorf("%d entries", len(got))
	}
}

// lines compresses the lines of a file of headers.
func lines(text string) io.Reader {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return &b
}

func TestReadHeadersRefuses(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"nonsense\n", `{"type":2,"payload":"!"}` + "\n", `{"type":1,"name":"f","size":-1}` + "\n", `{"type":2,"payload":"AAAA` + "\n",
	} {
		if got, err := ReadHeaders(lines(text)); err == nil {
			t.Errorf("%q was read as %v", text, got)
		}
	}
	if _, err := ReadHeaders(strings.NewReader("no gzip")); err == nil {
		t.Error("what is not compressed was read")
	}
}

func TestReadTarLimitsNames(t *testing.T) {
	t.Parallel()
	tarball := sample(t)
	entries, err := ReadTar(bytes.NewReader(tarball))
	if err != nil {
		t.Fatal(err)
	}
	size := 0
	for _, e := range entries {
		size += len(e.Name) + len(e.Link)
	}
	if _, err := readTar(bytes.NewReader(tarball), size); err != nil {
		t.Error(err)
	}
	if _, err := readTar(bytes.NewReader(tarball), size-1); err == nil {
		t.Error("names were read that are longer than they may be")
	}
}

// Sizes that no file has must neither overflow nor be read as zeros.
func TestReadHeadersRefusesEndlessLayers(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	for range 3 {
		var b bytes.Buffer
		if err := tar.NewWriter(&b).WriteHeader(&tar.Header{Name: "f", Typeflag: tar.TypeReg, Size: 1 << 61, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&text, `{"type":2,"payload":%q}`+"\n", base64.StdEncoding.EncodeToString(b.Bytes()))
		fmt.Fprintf(&text, `{"type":1,"name":"f","size":%d}`+"\n", 1<<61)
	}
	if list, err := ReadHeaders(lines(text.String())); err == nil {
		t.Errorf("%v was read", list)
	}
}

func FuzzReadHeaders(f *testing.F) {
	f.Add([]byte(`{"type":2,"payload":"AAAA","position":0}` + "\n" + `{"type":1,"name":"a","size":9,"payload":"AAAA","position":1}`))
	f.Add([]byte(`{"payload":"AAAA","type":2}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		entries, err := ReadHeaders(lines(string(data)))
		if err != nil {
			return
		}
		var s Survey
		_ = s.Add(entries)
	})
}

// FuzzSurvey: whatever layers say, no layer hides more than it brings, and what is
// hidden is hidden by a layer that is not below it.
func FuzzSurvey(f *testing.F) {
	f.Add([]byte("fa\nfb\n-\nwa\nob\ndb\nlcb\n-\nfb/c"))
	f.Fuzz(func(t *testing.T, data []byte) {
		var s Survey
		for _, layer := range bytes.Split(data, []byte("\n-\n")) {
			var entries []Entry
			for i, line := range bytes.Split(layer, []byte("\n")) {
				if len(line) < 2 {
					continue
				}
				name := string(line[1:])
				switch line[0] {
				case 'f':
					entries = append(entries, file(name, int64(i+1)))
				case 'd':
					entries = append(entries, dir(name))
				case 'l':
					entries = append(entries, link(name[1:], name[:1]))
				case 'w':
					d, b := split(name)
					entries = append(entries, gone(join(d, whiteoutPrefix+b)))
				case 'o':
					entries = append(entries, gone(name+"/"+whiteoutOpaque))
				}
			}
			if s.Add(entries) != nil {
				return
			}
		}
		var size, hidden int64
		for i, l := range s.Layers() {
			if l.Hidden < 0 || l.Hidden > l.Size || l.Added < 0 {
				t.Errorf("layer %d: %+v", i+1, l)
			}
			size, hidden = size+l.Size, hidden+l.Hidden
		}
		for _, file := range s.Largest(1 << 20) {
			size -= file.Size
			if file.HiddenBy > 0 {
				hidden -= file.Size
			}
			if file.HiddenBy > 0 && file.HiddenBy < file.Layer || !strings.HasPrefix(file.Path, "/") {
				t.Errorf("%+v", file)
			}
		}
		if size != 0 || hidden != 0 {
			t.Errorf("the files are %d bytes less than the layers, of the hidden ones %d", size, hidden)
		}
	})
}

func BenchmarkReadHeaders(b *testing.B) {
	var buf bytes.Buffer
	w := tar.NewWriter(&buf)
	for i := range 30_000 {
		if err := w.WriteHeader(&tar.Header{Name: fmt.Sprintf("dir%d/file%d", i/100, i), Typeflag: tar.TypeReg, Size: 10}); err != nil {
			b.Fatal(err)
		}
		_, _ = io.WriteString(w, "0123456789")
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	kept := headersOf(b, buf.Bytes())
	for b.Loop() {
		entries, err := ReadHeaders(bytes.NewReader(kept))
		if err != nil || len(entries) != 30_000 {
			b.Fatal(err)
		}
		var s Survey
		if err := s.Add(entries); err != nil {
			b.Fatal(err)
		}
	}
}
