package layers

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/internal/store"
)

// sent is a layer as a registry has it, and its description.
func sent(t *testing.T, s *store.Store) ([]byte, Sent) {
	t.Helper()
	img, err := s.Image(image(t, s, baseTree(t)))
	must(t, err)
	plain := diff(t, s, img.TopLayer)
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err = w.Write(plain)
	must(t, err, w.Close())
	return packed.Bytes(), Sent{
		Digest: digest.FromBytes(packed.Bytes()), Size: int64(packed.Len()),
		DiffID: digest.FromBytes(plain), Unpacked: int64(len(plain)),
	}
}

func TestReceive(t *testing.T) {
	t.Parallel()
	from, s := newStore(t, "overlay"), newStore(t, "overlay")
	packed, want := sent(t, from)
	parent := ""
	for range 2 { // on nothing, and on itself
		r, err := Receive(t.Context(), s, bytes.NewReader(packed), want)
		must(t, err)
		l, err := r.Put(t.Context(), s, parent)
		must(t, err, r.Close())
		if l.ID != ChainID(parent, want.DiffID) || l.Reused {
			t.Errorf("layer %+v", l)
		}
		if got := digest.FromBytes(diff(t, s, l.ID)); got != want.DiffID {
			t.Errorf("the files are %q", got)
		}
		parent = l.ID
	}
}

func TestReceiveRefuses(t *testing.T) {
	t.Parallel()
	s := newStore(t, "overlay")
	packed, right := sent(t, s)
	flipped := bytes.Clone(packed)
	flipped[4] ^= 1 // the time in the header of gzip: the files stay the same
	for name, tc := range map[string]struct {
		body io.Reader
		edit func(*Sent)
		want string
	}{
		"cut short":       {bytes.NewReader(packed[:len(packed)-20]), func(*Sent) {}, "EOF"},
		"cut to nothing":  {strings.NewReader(""), func(*Sent) {}, "bytes"},
		"more behind":     {io.MultiReader(bytes.NewReader(packed), strings.NewReader("x")), func(*Sent) {}, ""},
		"another content": {bytes.NewReader(flipped), func(*Sent) {}, "its content is"},
		"other files":     {bytes.NewReader(packed), func(w *Sent) { w.DiffID = digest.FromString("x") }, "its files are"},
		"too large":       {bytes.NewReader(packed), func(w *Sent) { w.Unpacked = 5 }, "its files are"},
		"broken off":      {io.MultiReader(bytes.NewReader(packed[:50]), failing{}), func(*Sent) {}, "broken off"},
	} {
		want := right
		tc.edit(&want)
		r, err := Receive(t.Context(), s, tc.body, want)
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v lacks %q", name, err, tc.want)
		}
		if r != nil {
			must(t, r.Close())
		}
	}
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("broken off") }
