package main

import "testing"

func TestNearestImage(t *testing.T) {
	t.Parallel()
	names := []string{"docker.io/library/busybox:latest", "localhost/web:1", "127.0.0.1:5000/team/api:2", "localhost/web:2"}
	for typed, want := range map[string]string{
		"busybx":                   "docker.io/library/busybox:latest",
		"library/busyboks":         "docker.io/library/busybox:latest",
		"wev":                      "localhost/web:1",
		"web":                      "localhost/web:1", // the tag was forgotten
		"web:3":                    "localhost/web:1", // or is another one
		"localhost/web:2x":         "localhost/web:1",
		"127.0.0.1:5000/team/apis": "127.0.0.1:5000/team/api:2",
		"127.0.0.1:5000":           "",
		"nothing":                  "",
		"":                         "",
	} {
		if got := nearestImage(typed, names); got != want {
			t.Errorf("nearestImage(%q) = %q, want %q", typed, got, want)
		}
	}
	if got := nearestImage("web", nil); got != "" {
		t.Errorf("an empty store has %q", got)
	}
}
