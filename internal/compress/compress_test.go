package compress

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/klauspost/compress/zstd"
)

// inputs are streams that are odd in some way.
func inputs() map[string][]byte {
	random := make([]byte, 3<<20+17)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(random)
	text := []byte(strings.Repeat("some text that repeats itself, and so on and on. ", 60000))
	repeated := bytes.Repeat(random[:20<<10], 60)
	return map[string][]byte{
		"empty": nil, "one byte": {7}, "a block": text[:gzipBlock], "a block and a byte": text[:gzipBlock+1],
		"text": text, "random": random, "mixed": append(append(text[:700<<10:700<<10], random...), text...),
		"zeros": make([]byte, 5<<20), "random that repeats": repeated,
	}
}

func pack(t testing.TB, b *Budget, in []byte, f Format, level int) []byte {
	t.Helper()
	r, err := b.Reader(t.Context(), bytes.NewReader(in), f, level)
	if err != nil {
		t.Fatal(err)
	}
	out, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	return out
}

func unpack(f Format, in []byte) ([]byte, error) {
	if f == Zstd {
		r, err := zstd.NewReader(bytes.NewReader(in))
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return io.ReadAll(r)
	}
	r, err := gzip.NewReader(bytes.NewReader(in))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(r)
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	for name, in := range inputs() {
		for _, tc := range []struct {
			f      Format
			levels []int
		}{{Gzip, []int{0, 1, 6, 9}}, {Zstd, []int{1, 3, 9, 19}}} {
			for _, level := range tc.levels {
				t.Run(fmt.Sprintf("%s/%s-%d", name, tc.f, level), func(t *testing.T) {
					t.Parallel()
					b := NewBudget(0)
					packed := pack(t, b, in, tc.f, level)
					got, err := unpack(tc.f, packed)
					if err != nil || !bytes.Equal(got, in) {
						t.Fatalf("%d bytes came back as %d, %v", len(in), len(got), err)
					}
					if again := pack(t, NewBudget(MinMemory), in, tc.f, level); !bytes.Equal(again, packed) {
						t.Error("with a small budget the result is another")
					}
					if !b.sem.TryAcquire(b.total) {
						t.Error("some of the budget is still taken")
					}
				})
			}
		}
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	in := inputs()
	for _, f := range []Format{Gzip, Zstd} {
		for name, most := range map[string]float64{"text": 0.05, "random": 1.001, "zeros": 0.01, "random that repeats": 0.1} {
			if got := float64(len(pack(t, NewBudget(0), in[name], f, 3))) / float64(len(in[name])); got > most {
				t.Errorf("%s of %s: %.3f of its size, want at most %.3f", f, name, got, most)
			}
		}
	}
}

// The standard library's compressor is the measure.
func TestParallelBlocksCostLittle(t *testing.T) {
	t.Parallel()
	var words []byte
	r := rand.New(rand.NewPCG(1, 2))
	for len(words) < 4<<20 {
		words = fmt.Appendf(words, "word%d ", int(r.ExpFloat64()*500))
	}
	var plain bytes.Buffer
	w := gzip.NewWriter(&plain)
	_, _ = w.Write(words)
	_ = w.Close()
	if got := len(pack(t, NewBudget(0), words, Gzip, 6)); float64(got) > 1.05*float64(plain.Len()) {
		t.Errorf("%d bytes, the standard library needs %d", got, plain.Len())
	}
}

type broken struct {
	r   io.Reader
	err error
}

func (b broken) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if errors.Is(err, io.EOF) {
		err = b.err
	}
	return n, err
}

func TestSourceFails(t *testing.T) {
	t.Parallel()
	want := errors.New("the disk is gone")
	for _, f := range []Format{Gzip, Zstd} {
		b := NewBudget(0)
		r, err := b.Reader(t.Context(), broken{bytes.NewReader(make([]byte, 5<<20)), want}, f, 1)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, r); !errors.Is(err, want) {
			t.Errorf("%s: got %v", f, err)
		}
		_ = r.Close()
		if !b.sem.TryAcquire(b.total) {
			t.Errorf("%s: some of the budget is still taken", f)
		}
	}
}

func TestClosedEarlyAndCancelled(t *testing.T) {
	t.Parallel()
	b := NewBudget(0)
	for range 20 {
		r, err := b.Reader(t.Context(), bytes.NewReader(make([]byte, 20<<20)), Gzip, 1)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.ReadFull(r, make([]byte, 100))
		_ = r.Close()
		if _, err := r.Read(make([]byte, 1)); err == nil {
			t.Error("a closed stream was read")
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	r, err := b.Reader(ctx, broken{bytes.NewReader(make([]byte, 200<<20)), nil}, Gzip, 1)
	if err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	_ = r.Close()
	if !b.sem.TryAcquire(b.total) {
		t.Error("some of the budget is still taken")
	}
}

// Many streams share one budget, none of them starves.
func TestStreamsShareTheBudget(t *testing.T) {
	t.Parallel()
	b := NewBudget(MinMemory)
	in := inputs()["mixed"]
	want := sha256.Sum256(pack(t, NewBudget(0), in, Gzip, 1))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if sha256.Sum256(pack(t, b, in, Gzip, 1)) != want {
				t.Error("another result")
			}
		})
	}
	wg.Wait()
}

func TestMemory(t *testing.T) {
	if underRace {
		t.Skip("the race detector makes pools forget, so more is allocated")
	}
	b := NewBudget(0)
	r, err := b.Reader(t.Context(), io.LimitReader(rand.NewChaCha8([32]byte{}), 256<<20), Gzip, 6)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := io.Copy(io.Discard, r); err != nil {
		t.Fatal(err)
	}
	runtime.ReadMemStats(&after)
	if took := after.TotalAlloc - before.TotalAlloc; took > uint64(b.total) {
		t.Errorf("256 MiB took %d bytes of memory in all", took)
	}
}

func TestLevels(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		f     Format
		level int
		ok    bool
	}{{Gzip, 0, true}, {Gzip, 9, true}, {Gzip, 10, false}, {Gzip, -1, false}, {Zstd, 0, false}, {Zstd, 22, true}, {Zstd, 23, false}} {
		if err := CheckLevel(tc.f, tc.level); (err == nil) != tc.ok {
			t.Errorf("%s %d: %v", tc.f, tc.level, err)
		}
	}
	if _, err := NewBudget(0).Reader(t.Context(), nil, "xz", 1); err == nil {
		t.Error("xz was accepted")
	}
}

func BenchmarkReader(b *testing.B) {
	for name, in := range map[string][]byte{"random": inputs()["random"], "text": inputs()["text"]} {
		for _, f := range []Format{Gzip, Zstd} {
			b.Run(name+"/"+string(f), func(b *testing.B) {
				budget := NewBudget(0)
				b.SetBytes(int64(len(in)))
				for b.Loop() {
					r, err := budget.Reader(b.Context(), bytes.NewReader(in), f, 3)
					if err != nil {
						b.Fatal(err)
					}
					_, _ = io.Copy(io.Discard, r)
					_ = r.Close()
				}
			})
		}
	}
}
