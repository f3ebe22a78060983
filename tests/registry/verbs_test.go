package registry

import (
	"strings"
	"testing"
)

// quick are the flags that make retries quick, as many as are asked for.
func quick(retries string, words ...string) []string {
	return append(words, "--retry", retries, "--retry-delay", "5ms")
}

// reader gives the command line of a verb that fetches an image. It may prepare something.
type reader func(p *place, image string, flags ...string) []string

var readers = map[string]reader{
	"pull": func(_ *place, image string, flags ...string) []string {
		return append(append([]string{"pull", "-q", "--policy", "always"}, flags...), image)
	},
	"from": func(_ *place, image string, flags ...string) []string {
		return append(append([]string{"from", "-q", "--pull-always"}, flags...), image)
	},
	"build": func(p *place, image string, flags ...string) []string {
		p.write("context/Dockerfile", "FROM "+image+"\nCOPY f /f\n")
		return append(append([]string{"build", "-q", "--pull-always"}, flags...), p.path("context"))
	},
	"copy": func(p *place, image string, flags ...string) []string {
		return append(append([]string{"copy", "-q"}, flags...), "--from", image, p.container(), "/etc/x", "/y")
	},
	"manifest add": func(p *place, image string, flags ...string) []string {
		if _, _, err := p.run("manifest", "exists", "list"); err != nil {
			p.must("manifest", "create", "list")
		}
		return append(append([]string{"manifest", "add"}, flags...), "list", "docker://"+image)
	},
}

// settled is what a place looks like after another image was pulled, and after a verb
// that has found no registry: they have made the directories and locks that stay.
func (p *place) settled(words reader) map[string]string {
	p.t.Helper()
	p.must("pull", "-q", shared.open.host+"/base:other")
	line := words(p, "127.0.0.1:1/base", "--retry", "0")
	if _, all, err := p.run(line...); err == nil {
		p.t.Fatalf("a registry answers at port 1:\n%s", all)
	}
	return p.look()
}

// container is a working container that exists, made when it is first needed.
func (p *place) container() string {
	if out := p.must("containers", "-q"); out != "" {
		return strings.Fields(out)[0]
	}
	return p.must("from", "scratch")
}

// eachReader runs a test for each verb in a place of its own.
func eachReader(t *testing.T, test func(t *testing.T, words reader)) {
	t.Helper()
	for name, words := range readers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "manifest add" && !hasManifest(t) {
				t.Skip("this version has no manifest command")
			}
			test(t, words)
		})
	}
}

func hasManifest(t *testing.T) bool {
	_, _, err := newPlace(t, "").run("manifest", "create", "--help")
	return err == nil
}
