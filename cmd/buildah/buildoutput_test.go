package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestParseOutput(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, kind, dest, fails string }{
		{text: "dir/sub", kind: "local", dest: "dir/sub"},
		{text: "-", kind: "tar", dest: "-"},
		{text: "type=local,dest=x", kind: "local", dest: "x"},
		{text: "dest=a=b,type=tar", kind: "tar", dest: "a=b"},
		{text: "type=tar", fails: `missing required key "dest"`},
		{text: "dest=x", fails: `missing required key "type"`},
		{text: "type=zip,dest=x", fails: `invalid type "zip" selected`},
		{text: "type=tar,dest=x,mode=1", fails: `unrecognized key "mode"`},
		{text: "type=tar,type=tar", fails: `duplicate "type" not supported`},
		{text: "type=registry", kind: "registry"},
		{text: "type=docker", kind: "docker"},
		{text: `type=image,"name=a,b:1",push=true`, kind: "image"},
		{text: "type=oci,tar=false,dest=dir", kind: "oci", dest: "dir"},
		{text: "type=oci", fails: `missing required key "dest"`},
		{text: "type=local,dest=x,push=true", fails: `unrecognized key "push" for type "local"`},
		{text: "type=tar,", fails: "expected format key=value"},
		{text: "", fails: "expected format key=value"},
	} {
		o, err := parseOutput(c.text)
		if c.fails != "" {
			if err == nil || !strings.Contains(err.Error(), c.fails) {
				t.Errorf("%q gives %v, want %s", c.text, err, c.fails)
			}
			continue
		}
		if err != nil || o.kind != c.kind || o.dest != c.dest {
			t.Errorf("%q is %s to %q, %v", c.text, o.kind, o.dest, err)
		}
	}
}

func TestCallersVariables(t *testing.T) {
	t.Parallel()
	environment := []string{"A=1", "AB=2", "C=x=y"}
	for specs, want := range map[string]string{
		"A=z": "A=z", "A": "A=1", "A*": "A=1 AB=2", "*": "A=1 AB=2 C=x=y", "NONE": "", "A C": "A=1 C=x=y",
	} {
		if diff := cmp.Diff(strings.Fields(want), strings.Fields(strings.Join(callersVariables(strings.Fields(specs), environment), " "))); diff != "" {
			t.Errorf("%q: %s", specs, diff)
		}
	}
}
