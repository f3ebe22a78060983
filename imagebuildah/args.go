package imagebuildah

import (
	"maps"
	"slices"
	"sort"
	"strings"
	"sync"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// proxyArgs may be given without an ARG, for RUN.
var proxyArgs = []string{
	"ALL_PROXY", "all_proxy", "FTP_PROXY", "ftp_proxy", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy",
}

// epochArg is given by us when the time of the image is fixed.
const epochArg = "SOURCE_DATE_EPOCH"

// builderArgs are for the builder, and are nothing that a Dockerfile need ask for.
var builderArgs = []string{epochArg, cacheNamespaceArg, checkArg, "BUILDKIT_SYNTAX"}

// given are the --build-arg values and which of them the Dockerfile asked for.
type given struct {
	values map[string]string
	mu     sync.Mutex
	used   map[string]bool
}

// use notes that a name was asked for.
func (g *given) use(name string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.used[name] = true
}

// unused are the names that nothing asked for, sorted.
func (g *given) unused() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	var names []string
	for name := range g.values {
		if !g.used[name] && !slices.Contains(proxyArgs, name) && !slices.Contains(builderArgs, name) {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// scope holds the ARG values that are visible at some point (spec build.md, 3.3).
type scope struct {
	given   *given
	outer   map[string]string // of the platform, and of ARGs before the first FROM
	values  map[string]string
	proxies map[string]bool // proxy names that an ARG declared
}

func newScope(g *given, outer map[string]string) *scope {
	return &scope{given: g, outer: outer, values: map[string]string{}, proxies: map[string]bool{}}
}

func (s *scope) clone() *scope {
	return &scope{given: s.given, outer: s.outer, values: maps.Clone(s.values), proxies: maps.Clone(s.proxies)}
}

// declare makes a name visible and tells whether it has a value now.
func (s *scope) declare(name string, fallback *string) bool {
	s.given.use(name)
	if slices.Contains(proxyArgs, name) {
		s.proxies[name] = true
	}
	value, ok := s.given.values[name]
	if name == "TARGETPLATFORM" || name == "BUILDPLATFORM" {
		ok = false // --build-arg only picks the platform
	}
	switch {
	case ok:
	case fallback != nil:
		value = *fallback
	default:
		if value, ok = s.outer[name]; !ok {
			_, ok = s.values[name]
			return ok
		}
	}
	s.values[name] = value
	return true
}

// names are the names that have a value, sorted.
func (s *scope) names() []string { return slices.Sorted(maps.Keys(s.values)) }

// platformArgs are what a Dockerfile may know of the platforms.
func platformArgs(target imageconfig.Platform) map[string]string {
	host := imageconfig.Host()
	host.Variant = ""
	if target.IsZero() {
		target = host
	}
	return map[string]string{
		"TARGETPLATFORM": target.String(), "TARGETOS": target.OS, "TARGETARCH": target.Arch, "TARGETVARIANT": target.Variant,
		"BUILDPLATFORM": host.String(), "BUILDOS": host.OS, "BUILDARCH": host.Arch, "BUILDVARIANT": "",
	}
}

// variables is what words are expanded with: the environment, then ARGs.
type variables struct {
	env  []string // KEY=VALUE, the last of a name counts
	args map[string]string
}

// Get looks a name up.
func (v variables) Get(name string) (string, bool) {
	for _, kv := range slices.Backward(v.env) {
		if value, ok := strings.CutPrefix(kv, name+"="); ok {
			return value, true
		}
	}
	value, ok := v.args[name]
	return value, ok
}

// Keys are all names.
func (v variables) Keys() []string {
	names := slices.Collect(maps.Keys(v.args))
	for _, kv := range v.env {
		name, _, _ := strings.Cut(kv, "=")
		names = append(names, name)
	}
	return names
}

// anything has every variable: it finds what no value can make right.
type anything struct{}

// Get gives the same value for every name.
func (anything) Get(string) (string, bool) { return "x", true }

// Keys are not known.
func (anything) Keys() []string { return nil }
