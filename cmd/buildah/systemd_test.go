package main

import (
	"net"
	"path/filepath"
	"testing"
)

func TestSessionBus(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l, err := net.Listen("unix", filepath.Join(dir, "bus"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for name, c := range map[string]struct {
		address, dir string
		want         bool
	}{
		"neither":         {},
		"directory":       {dir: dir, want: true},
		"no bus there":    {dir: filepath.Join(dir, "other")},
		"address":         {address: "unix:path=" + dir + "/bus,guid=1", dir: "/nowhere", want: true},
		"first of two":    {address: "unix:guid=1,path=" + dir + "/bus;unix:path=/nowhere", want: true},
		"address first":   {address: "unix:path=/nowhere", dir: dir},
		"abstract":        {address: "unix:abstract=/nowhere/" + dir},
		"not of a user's": {address: "tcp:host=localhost,port=1"},
	} {
		env := map[string]string{"DBUS_SESSION_BUS_ADDRESS": c.address, "XDG_RUNTIME_DIR": c.dir}
		if got := sessionBus(func(name string) string { return env[name] }); got != c.want {
			t.Errorf("%s: got %v", name, got)
		}
	}
}
