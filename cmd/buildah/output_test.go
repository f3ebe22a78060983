package main

import (
	"strings"
	"testing"
)

func TestWriteRowsOf(t *testing.T) {
	t.Parallel()
	type row struct{ Name, Tag string }
	rows := []row{{"alpine", "latest"}, {"a-much-longer-name", "1"}}
	tests := []struct{ name, format, want string }{
		{"a space is a column", "{{.Name}} {{.Tag}}", "alpine               latest\na-much-longer-name   1\n"},
		{"spaces in an action stay", "{{ .Name }}", "alpine\na-much-longer-name\n"},
		{"quoted spaces stay", `{{join (split "a b" " ") " + "}}`, "a + b\na + b\n"},
		{"header", "table {{.Name}} {{.Tag}}", "REPOSITORY           TAG\nalpine               latest\na-much-longer-name   1\n"},
		{"written tab", `{{.Tag}}\t{{len .Tag}}`, "latest   6\n1        1\n"},
		{"functions", `{{upper .Tag}}/{{truncate .Name 3}}/{{pad .Tag 1 0}}`, "LATEST/alp/ latest\n1/a-m/ 1\n"},
		{"json", `{{json .}}`, `{"Name":"alpine","Tag":"latest"}` + "\n" + `{"Name":"a-much-longer-name","Tag":"1"}` + "\n"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f, err := parseRows(tt.format)
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			if err := writeRowsOf(&b, f, map[string]string{"Name": "REPOSITORY", "Tag": "TAG"}, rows); err != nil {
				t.Fatal(err)
			}
			if b.String() != tt.want {
				t.Errorf("got\n%q, want\n%q", b.String(), tt.want)
			}
		})
	}
}

func TestWriteObjectRefuses(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"no braces", "{{.Nosuch}}", "{{"} {
		if err := writeObject(&strings.Builder{}, format, struct{ Name string }{"x"}); err == nil {
			t.Errorf("%q was accepted", format)
		}
	}
}
