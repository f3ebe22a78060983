package manifests

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// FuzzParse reads lists as a registry might serve them: what can be read can be
// written, and read again as the same.
func FuzzParse(f *testing.F) {
	const digest = `"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"`
	for _, seed := range []string{
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}`,
		`{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","artifactType":"a/b","subject":{"digest":` + digest + `},` +
			`"annotations":{"a":"b"},"manifests":[{"mediaType":"m","digest":` + digest + `,"size":3,"data":"AAAA","platform":{"os":"linux","architecture":"arm"}}]}`,
		`{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[{"digest":` + digest + `,"platform":{"features":["sse4"]}}]}`,
		`{"schemaVersion":2,"manifests":[{"digest":` + digest + `,"size":-1}]}`,
		`{"schemaVersion":2,"manifests":[{"digest":"sha256:12"}]}`,
		`{"manifests":null}`, `[]`, `{"mediaType":3}`,
	} {
		f.Add([]byte(seed), []byte(`{"":"x",`+digest+`:"oci:/x"}`), []byte(`{"files":{`+digest+`:["/a"]}}`))
	}
	f.Fuzz(func(t *testing.T, list, places, files []byte) {
		l, err := Parse(list)
		if err != nil {
			return
		}
		if l.locate(places) != nil || l.nameFiles(files) != nil {
			return
		}
		if _, err := l.Show(); err != nil {
			t.Fatalf("%q can be read and not shown: %v", list, err)
		}
		if l.sayable() != nil {
			return
		}
		data, err := l.Encode()
		if err != nil {
			t.Fatalf("%q can be read and not written: %v", list, err)
		}
		again, err := Parse(data)
		if err != nil {
			t.Fatalf("%q became %q: %v", list, data, err)
		}
		// Where members are is not in the list, and the formats differ in how they
		// write nothing.
		ignore := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(Entry{}, "Location", "Files", "Platform")}
		if diff := cmp.Diff(l, again, ignore); diff != "" {
			t.Fatalf("%q (-) became %q (+):\n%s", list, data, diff)
		}
	})
}
