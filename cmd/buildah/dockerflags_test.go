package main

import "testing"

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
