package main

import (
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/internal/containersconf"
	"github.com/projectatomic/buildah/internal/tools/manpage"
)

// others are pages that our pages name and that come with other programs.
var others = []string{"podman(1)", "skopeo(1)", "chmod(1)", "oci-hooks(5)", "containers-sigstore-signing-params.yaml(5)", "namespaces(7)", "unix(7)"}

// manualPages reads all pages; the key is NAME(SECTION).
func manualPages(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(docsDir, "*.[1-8].md"))
	if err != nil {
		t.Fatal(err)
	}
	list := map[string]string{}
	for _, file := range files {
		text, err := manpage.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimSuffix(filepath.Base(file), ".md")
		list[name[:len(name)-2]+"("+name[len(name)-1:]+")"] = text
	}
	return list
}

func TestManualNamesPagesThatExist(t *testing.T) {
	t.Parallel()
	pages := manualPages(t)
	if len(pages) < 50 {
		t.Fatalf("only %d pages", len(pages))
	}
	reference := regexp.MustCompile(`([a-z][a-z0-9.-]*)\**(\([157]\))`)
	for name, text := range pages {
		for _, m := range reference.FindAllStringSubmatch(text, -1) {
			if other := m[1] + m[2]; pages[other] == "" && !slices.Contains(others, other) {
				t.Errorf("the page %s names %s, which there is not", name, other)
			}
		}
		base, section, _ := strings.Cut(strings.TrimSuffix(name, ")"), "(")
		if head := "# " + base + " \"" + section + "\" "; !strings.HasPrefix(text, head) {
			t.Errorf("the page %s does not begin with %q", name, head)
		}
		for _, want := range []string{"## NAME\n" + base + " - ", "\n## DESCRIPTION\n", "\n## SEE ALSO\n"} {
			if !strings.Contains(text, want) {
				t.Errorf("the page %s does not have %q", name, want)
			}
		}
		if (section == "5" || section == "7") && !strings.Contains(pages["buildah(1)"], "**"+base+"**("+section+")") {
			t.Errorf("buildah(1) does not name %s", name)
		}
	}
}

// keys gives the names that a struct has in a file, those of embedded ones included.
func keys(of reflect.Type, tag string) (list []string) {
	for i := range of.NumField() {
		f := of.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get(tag), ",")
		switch {
		case f.Anonymous && name == "":
			list = append(list, keys(f.Type, tag)...)
		case name == "-" || !f.IsExported():
		case name == "":
			list = append(list, f.Name)
		default:
			list = append(list, name)
		}
	}
	return list
}

func TestManualHasEveryKey(t *testing.T) {
	t.Parallel()
	// Not used yet, or only checked.
	unused := []string{"label_users", "umask", "pull_policy"}
	pages := manualPages(t)
	for page, list := range map[string][]string{
		"buildah.json(5)": keys(reflect.TypeFor[builder.Record](), "json"),
		"containers.conf(5)": slices.Concat(keys(reflect.TypeFor[containersconf.Containers](), "toml"),
			keys(reflect.TypeFor[containersconf.Engine](), "toml"), keys(reflect.TypeFor[containersconf.Network](), "toml")),
	} {
		if len(list) < 20 {
			t.Errorf("only %d keys for %s", len(list), page)
		}
		for _, key := range list {
			word := regexp.MustCompile(`\b` + regexp.QuoteMeta(key) + `\b`)
			if !word.MatchString(pages[page]) && !slices.Contains(unused, key) {
				t.Errorf("%s says nothing of %q", page, key)
			}
		}
	}
}
