package sbom

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestComplete(t *testing.T) {
	t.Parallel()
	out := Outputs{File: "x"}
	tests := map[string]struct {
		given  Scanner
		preset string
		want   string // part of the error, or the image
	}{
		"nothing said":         {Scanner{Outputs: out}, "", "ghcr.io/anchore/syft"},
		"a preset":             {Scanner{Outputs: out}, "trivy-spdx", "ghcr.io/aquasecurity/trivy"},
		"an unknown preset":    {Scanner{Outputs: out}, "nosuch", `unrecognized preset name "nosuch": syft, `},
		"no output":            {Scanner{}, "syft", "sbom configuration missing one or more of --sbom-output"},
		"only an image":        {Scanner{Image: "i", Outputs: out}, "syft", "sbom configuration missing one or more of --sbom-scanner-image"},
		"only a strategy":      {Scanner{Strategy: MergeCat, Outputs: out}, "", "sbom configuration missing"},
		"an unknown strategy":  {Scanner{Image: "i", Commands: []string{"c"}, Strategy: "mix", Outputs: out}, "", "unrecognized merge strategy"},
		"several, no strategy": {Scanner{Image: "i", Commands: []string{"c", "d"}, Outputs: out}, "", "need a merge strategy"},
		"all of one's own":     {Scanner{Image: "i", Commands: []string{"c"}, Outputs: out}, "", "i"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := test.given.Complete(test.preset)
			if err != nil && !strings.Contains(err.Error(), test.want) || err == nil && got.Image != test.want {
				t.Errorf("%+v, %v; wanted %q", got, err, test.want)
			}
		})
	}
}

func TestCalls(t *testing.T) {
	t.Parallel()
	s := Scanner{Commands: []string{"a {ROOTFS} {OUTPUT}", "b {CONTEXT} >{OUTPUT}", "never {OUTPUT}", "prepare {ROOTFS}"}}
	want := []Command{
		{Text: "a /.rootfs /.scans/scan0.json", Result: "scan0.json"},
		{Text: "b /.context0 >/.scans/scan1.json", Shell: true, Result: "scan1.json"},
		{Text: "b /.context1 >/.scans/scan2.json", Shell: true, Result: "scan2.json"},
		{Text: "prepare /.rootfs"},
	}
	if diff := cmp.Diff(want, s.Calls(2)); diff != "" {
		t.Error(diff)
	}
}

func TestMerge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		strategy        string
		results         []string
		document, purls string
	}{
		"bytes": {MergeCat, []string{"a\n", "b"}, "a\nb", "{}"},
		"components": {
			MergeCycloneDX,
			[]string{
				`{"z":1.50,"components":[{"name":"a","version":"1","purl":"pkg:x/b?c=<&>"},{"name":"a","version":"1"}]}`,
				`{"y":2,"components":[{"name":"a","version":"1","purl":"pkg:lost"},{"name":"a","version":"2","purl":"pkg:x/a"},{"name":"a","version":"2"},7]}`,
				`{}`,
			},
			`{"components":[{"name":"a","purl":"pkg:x/b?c=<&>","version":"1"},{"name":"a","version":"1"},{"name":"a","purl":"pkg:x/a","version":"2"}],"z":1.50}` + "\n",
			`{"dependencies":["pkg:x/a","pkg:x/b?c=<&>"]}`,
		},
		"the first without any": {MergeCycloneDX, []string{`{}`, `{"components":[{"name":"a"}]}`}, `{"components":[{"name":"a"}]}` + "\n", "{}"},
		"packages and licences": {
			MergeSPDX,
			[]string{
				`{"packages":[{"name":"p","versionInfo":"1","externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceType":"purl","referenceLocator":"pkg:p"},{"referenceCategory":"OTHER","referenceType":"purl","referenceLocator":"no"}]}],"hasExtractedLicensingInfos":[{"licenseId":"l"}]}`,
				`{"packages":[{"name":"p","versionInfo":"2"}],"hasExtractedLicensingInfos":[{"licenseId":"l"},{"licenseId":"m"}]}`,
			},
			`{"hasExtractedLicensingInfos":[{"licenseId":"l"},{"licenseId":"m"}],"packages":[{"externalRefs":[{"referenceCategory":"PACKAGE-MANAGER","referenceLocator":"pkg:p","referenceType":"purl"},{"referenceCategory":"OTHER","referenceLocator":"no","referenceType":"purl"}],"name":"p","versionInfo":"1"},{"name":"p","versionInfo":"2"}]}` + "\n",
			`{"dependencies":["pkg:p"]}`,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var results [][]byte
			for _, text := range test.results {
				results = append(results, []byte(text))
			}
			document, purls, err := Merge(test.strategy, results)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.document, string(document)); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(`{"image_contents":`+test.purls+"}\n", string(purls)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, text := range []string{"", "null", "[]", "{}{}", "{"} {
		if _, _, err := Merge(MergeSPDX, [][]byte{[]byte(`{}`), []byte(text)}); err == nil || !strings.Contains(err.Error(), "result 2") {
			t.Errorf("%q is merged: %v", text, err)
		}
	}
}

func FuzzMerge(f *testing.F) {
	f.Add([]byte(`{"components":[{"name":"a","version":"1","purl":"p"}]}`), []byte(`{"packages":[{"name":1}]}`))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		for _, strategy := range []string{MergeCycloneDX, MergeSPDX} {
			once, _, err := Merge(strategy, [][]byte{a, b})
			if err != nil {
				continue
			}
			again, _, err := Merge(strategy, [][]byte{once, b})
			if err != nil || string(again) != string(once) {
				t.Errorf("merging the same once more makes %s of %s: %v", again, once, err)
			}
		}
	})
}
