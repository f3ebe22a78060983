package copier

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
)

// manyFiles makes n files of size bytes in directories of 300.
func manyFiles(tb testing.TB, dir string, n, size int) {
	tb.Helper()
	rnd := rand.NewChaCha8([32]byte{1})
	data := make([]byte, size)
	for i := range n {
		sub := filepath.Join(dir, fmt.Sprintf("d%03d", i/300))
		if i%300 == 0 {
			if err := os.MkdirAll(sub, 0o755); err != nil {
				tb.Fatal(err)
			}
		}
		if _, err := rnd.Read(data); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(sub, fmt.Sprintf("file%05d", i)), data, 0o644); err != nil {
			tb.Fatal(err)
		}
	}
}

func openRoot(tb testing.TB, path string) *Root {
	tb.Helper()
	root, err := OpenRoot(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = root.Close() })
	return root
}

func BenchmarkSmallFiles(b *testing.B) {
	src, dst := b.TempDir(), b.TempDir()
	const n, size = 30_000, 1536
	manyFiles(b, src, n, size)
	from, to := openRoot(b, src), openRoot(b, dst)
	b.SetBytes(n * size)
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		target := fmt.Sprintf("/copy%d", i)
		if _, err := Copy(b.Context(), Target{Root: to, Path: target}, from, []string{"."}, CopyOptions{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := to.RemoveAll(target); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}

func BenchmarkLargeFile(b *testing.B) {
	src, dst := b.TempDir(), b.TempDir()
	const size = 1 << 30
	file, err := os.Create(filepath.Join(src, "large"))
	if err != nil {
		b.Fatal(err)
	}
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	for range size / len(block) {
		if _, err := file.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	if err := file.Close(); err != nil {
		b.Fatal(err)
	}
	from, to := openRoot(b, src), openRoot(b, dst)
	for _, digest := range []bool{true, false} {
		b.Run(fmt.Sprintf("digest=%v", digest), func(b *testing.B) {
			b.SetBytes(size)
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Copy(b.Context(), Target{Root: to, Path: "/copy"}, from, []string{"large"}, CopyOptions{NoDigest: !digest}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkExtract(b *testing.B) {
	src, dst := b.TempDir(), b.TempDir()
	manyFiles(b, src, 3000, 1536)
	from, to := openRoot(b, src), openRoot(b, dst)
	var archive bytes.Buffer
	if err := Tar(b.Context(), &archive, from, ".", TarOptions{}); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(archive.Len()))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		target := fmt.Sprintf("/x%d", i)
		if err := Extract(b.Context(), to, target, bytes.NewReader(archive.Bytes()), ExtractOptions{}); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := to.RemoveAll(target); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
