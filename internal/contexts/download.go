package contexts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

// Download is what was at an address, in a file.
type Download struct {
	Path     string
	Header   http.Header
	Digest   string // hexadecimal sha256 of the content
	Identity string // see [Identity]
}

// Identity is what an answer says that tells the content from every other one at the
// address; "" when it does not say enough. A time counts only if the content could
// not change again within its second (RFC 9110, 8.8.2.2).
func Identity(r *http.Response) string {
	said := struct {
		ETag     string `json:"etag,omitempty"`
		Modified string `json:"modified,omitempty"`
		Length   int64  `json:"length,omitempty"`
	}{ETag: r.Header.Get("ETag"), Modified: r.Header.Get("Last-Modified")}
	if said.ETag == "" || strings.HasPrefix(said.ETag, "W/") {
		modified, err := http.ParseTime(said.Modified)
		now, err2 := http.ParseTime(r.Header.Get("Date"))
		if err != nil || err2 != nil || now.Sub(modified) < 2*time.Second || r.ContentLength <= 0 {
			return ""
		}
		said.ETag, said.Length = "", r.ContentLength
	}
	text, err := json.Marshal(said)
	if err != nil {
		return ""
	}
	return string(text)
}

// Identify asks for the identity of what is at an address. A server that does not
// answer that, gives "".
func (h HTTP) Identify(ctx context.Context, source string) string {
	u, err := url.Parse(source)
	if err != nil {
		return ""
	}
	response, err := once(ctx, h.client(), http.MethodHead, u)
	if err != nil {
		return ""
	}
	defer response.Body.Close()
	return Identity(response)
}

// Download fetches what is at an address into a new file below dir. The caller
// removes it.
func (h HTTP) Download(ctx context.Context, source, dir string) (d *Download, err error) {
	u, err := url.Parse(source)
	if err != nil {
		return nil, fmt.Errorf("getting %q: it is not a URL", redacted(source))
	}
	response, err := h.Get(ctx, u)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	f, err := os.CreateTemp(dir, "buildah-download-")
	if err != nil {
		return nil, fmt.Errorf("getting %q: %w", redacted(source), err)
	}
	hash := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, hash), response.Body)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, errors.Join(fmt.Errorf("getting %q: %w", redacted(source), err), os.Remove(f.Name()))
	}
	return &Download{
		Path: f.Name(), Header: response.Header, Digest: hex.EncodeToString(hash.Sum(nil)), Identity: Identity(response),
	}, nil
}
