package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseCall(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"build": "", "check": "text", "lint": "text", "check,format=json": "json", "check,format=text": "text",
	} {
		if got, err := parseCall(text); err != nil || got != want {
			t.Errorf("%q: %q, %v; wanted %q", text, got, err, want)
		}
	}
	for _, text := range []string{"", "outline", "targets,format=json", "check,format=xml", "build,format=json"} {
		if got, err := parseCall(text); err == nil {
			t.Errorf("%q: accepted as %q", text, got)
		}
	}
}

func TestHostLines(t *testing.T) {
	t.Parallel()
	got, err := hostLines("a:10.0.0.1,b=10.0.0.2,c:[::1],d=::1,e;f=host-gateway")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"a:10.0.0.1", "b:10.0.0.2", "c:[::1]", "d:::1", "e;f:host-gateway"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if err := checkHosts(got); err != nil {
		t.Error(err)
	}
}

func TestManifestAnnotation(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a=b": "a=b", "manifest:a=b:c": "a=b:c", "a": "a", "x:y=z": "x:y=z", "a=index:b": "a=index:b",
	} {
		if got, err := manifestAnnotation(text); err != nil || got[0] != want {
			t.Errorf("%q: %q, %v; wanted %q", text, got, err, want)
		}
	}
	for _, text := range []string{"index:a=b", "manifest-descriptor:a=b", "index-descriptor:a"} {
		if got, err := manifestAnnotation(text); err == nil {
			t.Errorf("%q: accepted as %q", text, got)
		}
	}
}
