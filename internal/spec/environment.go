package spec

import (
	"slices"
	"strings"
)

// DefaultPath is the search path of a container that has none.
const DefaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// Variables are where the process's environment comes from.
type Variables struct {
	Caller   []string // the environment of our own caller
	Proxies  bool     // hand on the caller's proxy settings
	Image    []string // of the image
	Run      []string // of this run: KEY=VALUE, or KEY, PREFIX* and * for the caller's
	Hostname string   // for HOSTNAME, unless that is set already
	Secrets  []string // KEY=VALUE
}

var proxyVariables = []string{
	"http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY",
}

// Environment puts the variables together: a later one replaces an earlier one
// and keeps its place.
func Environment(v Variables) []string {
	var env environment
	if v.Proxies {
		for _, key := range proxyVariables {
			if value, ok := lookup(v.Caller, key); ok && value != "" {
				env.set(key, value)
			}
		}
	}
	env.set("PATH", DefaultPath)
	env.add(v.Image)
	env.add(ExpandVariables(v.Run, v.Caller))
	if _, ok := lookup(env, "HOSTNAME"); !ok {
		env.set("HOSTNAME", v.Hostname)
	}
	env.add(v.Secrets)
	return env
}

// ExpandVariables makes KEY=VALUE of what `--env` takes. What the caller has not
// set is left out.
func ExpandVariables(asked, caller []string) []string {
	var all []string
	for _, text := range asked {
		if strings.Contains(text, "=") {
			all = append(all, text)
			continue
		}
		if prefix, ok := strings.CutSuffix(text, "*"); ok {
			for _, entry := range caller {
				if strings.HasPrefix(entry, prefix) && strings.Contains(entry, "=") {
					all = append(all, entry)
				}
			}
			continue
		}
		if value, ok := lookup(caller, text); ok {
			all = append(all, text+"="+value)
		}
	}
	return all
}

type environment []string

func (e *environment) add(entries []string) {
	for _, entry := range entries {
		if key, value, ok := strings.Cut(entry, "="); ok && key != "" {
			e.set(key, value)
		}
	}
}

func (e *environment) set(key, value string) {
	entry := key + "=" + value
	if i := slices.IndexFunc(*e, func(s string) bool { return strings.HasPrefix(s, key+"=") }); i >= 0 {
		(*e)[i] = entry
		return
	}
	*e = append(*e, entry)
}

// lookup finds a variable; the last of several is meant.
func lookup(env []string, key string) (string, bool) {
	for _, entry := range slices.Backward(env) {
		if k, value, ok := strings.Cut(entry, "="); ok && k == key {
			return value, true
		}
	}
	return "", false
}
