package transfer

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/docker/distribution/registry/client/auth/challenge"
	"github.com/opencontainers/go-digest"
	imgspec "github.com/opencontainers/image-spec/specs-go/v1"
	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/pkg/tlsclientconfig"
	"go.podman.io/image/v5/types"
)

const (
	// referrersTimeout bounds a question: without an answer the tag is maintained.
	referrersTimeout = 20 * time.Second
	// tokenLimit is the most that an answer with a token may have, in bytes.
	tokenLimit = 1 << 20
	// hubHost answers for the registry that is called docker.io.
	hubHost = "registry-1.docker.io"
)

// known tells whether the registry says by itself what is about a manifest. The library
// has no way to ask, so this is a client of its own, for one question. Where it gets no
// answer that is a no: the tag is harmless where nobody needs it.
func (at *referrers) known(ctx context.Context, subject digest.Digest) bool {
	ctx, cancel := context.WithTimeout(ctx, referrersTimeout)
	defer cancel()
	host := reference.Domain(at.repo)
	transport, err := transportTo(at.sys, host)
	if err != nil {
		return false
	}
	defer transport.CloseIdleConnections()
	q := &referrersQuestion{sys: at.sys, client: &http.Client{Transport: transport}, path: reference.Path(at.repo)}
	if host == "docker.io" {
		host = hubHost
	}
	schemes := []string{"https"}
	if at.sys.DockerInsecureSkipTLSVerify == types.OptionalBoolTrue {
		schemes = append(schemes, "http")
	}
	for _, scheme := range schemes {
		known, err := q.ask(ctx, fmt.Sprintf("%s://%s/v2/%s/referrers/%s", scheme, host, q.path, subject))
		if err == nil {
			return known
		}
	}
	return false
}

// transportTo has the certificates for a registry: those of the directory that
// was named, else of the system's.
func transportTo(sys *types.SystemContext, host string) (*http.Transport, error) {
	transport := tlsclientconfig.NewTransport()
	transport.TLSClientConfig = &tls.Config{InsecureSkipVerify: sys.DockerInsecureSkipTLSVerify == types.OptionalBoolTrue}
	dirs := []string{"/etc/containers/certs.d/" + host, "/etc/docker/certs.d/" + host}
	if sys.DockerCertPath != "" {
		dirs = []string{sys.DockerCertPath}
	}
	for _, dir := range dirs { // those that are not there add nothing
		if err := LoadCertDir(transport.TLSClientConfig, dir); err != nil {
			return nil, err
		}
	}
	return transport, nil
}

// referrersQuestion is what is asked with.
type referrersQuestion struct {
	sys    *types.SystemContext
	client *http.Client
	path   string // of the repository
}

// referrersAnswer is what the headers of an answer tell; the rest is not read.
type referrersAnswer struct {
	known  bool
	asks   []challenge.Challenge // for credentials
	scheme string                // of the address that was asked, whatever it led to
}

// ask is an error where nobody answers.
func (q *referrersQuestion) ask(ctx context.Context, address string) (bool, error) {
	a, err := q.send(ctx, address, "")
	if err != nil || len(a.asks) == 0 {
		return a.known, err
	}
	authorization := q.authorize(ctx, a)
	if authorization == "" {
		return false, nil
	}
	a, err = q.send(ctx, address, authorization)
	return a.known, err
}

func (q *referrersQuestion) send(ctx context.Context, address, authorization string) (referrersAnswer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return referrersAnswer{}, err
	}
	request.Header.Set("Accept", imgspec.MediaTypeImageIndex)
	if authorization != "" {
		request.Header.Set("Authorization", authorization)
	}
	r, err := q.do(request)
	if err != nil {
		return referrersAnswer{}, err
	}
	defer r.Body.Close()
	mediaType, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	return referrersAnswer{
		known:  r.StatusCode == http.StatusOK && mediaType == imgspec.MediaTypeImageIndex,
		asks:   challenge.ResponseChallenges(r),
		scheme: request.URL.Scheme,
	}, nil
}

func (q *referrersQuestion) do(request *http.Request) (*http.Response, error) {
	if q.sys.DockerRegistryUserAgent != "" {
		request.Header.Set("User-Agent", q.sys.DockerRegistryUserAgent)
	}
	return q.client.Do(request)
}

// authorize has what a registry asks for; "" if it cannot be done.
func (q *referrersQuestion) authorize(ctx context.Context, a referrersAnswer) string {
	who := types.DockerAuthConfig{}
	if q.sys.DockerAuthConfig != nil {
		who = *q.sys.DockerAuthConfig
	}
	for _, wanted := range a.asks {
		switch wanted.Scheme {
		case "basic":
			if who.Username != "" {
				request := http.Request{Header: http.Header{}}
				request.SetBasicAuth(who.Username, who.Password)
				return request.Header.Get("Authorization")
			}
		case "bearer":
			if token, err := q.token(ctx, a.scheme, wanted.Parameters, who); err == nil && token != "" {
				return "Bearer " + token
			}
		}
	}
	return ""
}

// token asks the service that a registry names for one that allows to read. Passwords
// go there over TLS only, unless the registry has none itself.
func (q *referrersQuestion) token(ctx context.Context, scheme string, wanted map[string]string, who types.DockerAuthConfig) (string, error) {
	realm, err := url.Parse(wanted["realm"])
	if err != nil {
		return "", err
	}
	if realm.Scheme != "https" && realm.Scheme != scheme {
		return "", fmt.Errorf("asking %q for a token: it would be sent in clear", realm.Redacted())
	}
	values := realm.Query()
	values.Set("service", wanted["service"])
	values.Set("scope", cmp.Or(wanted["scope"], "repository:"+q.path+":pull"))
	method, body := http.MethodGet, ""
	if who.IdentityToken != "" {
		values.Set("grant_type", "refresh_token")
		values.Set("refresh_token", who.IdentityToken)
		values.Set("client_id", "buildah")
		method, body = http.MethodPost, values.Encode()
	} else {
		realm.RawQuery = values.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, method, realm.String(), strings.NewReader(body))
	if err != nil {
		return "", err
	}
	switch {
	case body != "":
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	case who.Username != "":
		request.SetBasicAuth(who.Username, who.Password)
	}
	r, err := q.do(request)
	if err != nil {
		return "", err
	}
	defer r.Body.Close()
	if r.StatusCode != http.StatusOK {
		return "", fmt.Errorf("asking %q for a token: it answers %q", realm.Redacted(), r.Status)
	}
	var answer struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}
	err = json.NewDecoder(io.LimitReader(r.Body, tokenLimit)).Decode(&answer)
	return cmp.Or(answer.Token, answer.AccessToken), err
}
