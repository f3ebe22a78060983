package imageconfig

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestShellSplit(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in   string
		want []string
	}{
		{"", []string{}},
		{" \t\n", []string{}},
		{"a  b\tc\n", []string{"a", "b", "c"}},
		{`a "b c" 'd e'f`, []string{"a", "b c", "d ef"}},
		{`"" ''`, []string{"", ""}},
		{`a\ b \"c`, []string{"a b", `"c`}},
		{`'a\b' "a\"b"`, []string{`a\b`, `a"b`}},
		{`'"' "'"`, []string{`"`, "'"}},
		{"sh -c x; y && z | w > f 2>&1", []string{"sh", "-c", "x;", "y", "&&", "z", "|", "w", ">", "f", "2>&1"}},
		{"echo $HOME ${X} #no", []string{"echo", "$HOME", "${X}", "#no"}},
		{`x "a;b|c"`, []string{"x", "a;b|c"}},
		{"grüße 'ä ö'", []string{"grüße", "ä ö"}},
	} {
		got, err := ShellSplit(tc.in)
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
		}
		if diff := cmp.Diff(tc.want, got); diff != "" {
			t.Errorf("%q: %s", tc.in, diff)
		}
	}
	for _, in := range []string{`"a`, `'a`, `a \`, "a `b"} {
		if got, err := ShellSplit(in); err == nil {
			t.Errorf("%q: got %q and no error", in, got)
		}
	}
}

func FuzzShellSplit(f *testing.F) {
	for _, seed := range []string{"", `a "b c" 'd'`, "x; y | z", "$(a b)", "`a`", `\`, "a\x00b", "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		words, err := ShellSplit(s)
		if err != nil {
			return
		}
		if !strings.ContainsAny(s, "\"'\\`$()") {
			if diff := cmp.Diff(strings.FieldsFunc(strings.ToValidUTF8(s, "\uFFFD"), func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }), words); diff != "" && len(words) > 0 && strings.ToValidUTF8(s, "") == s {
				t.Errorf("%q without quotes: %s", s, diff)
			}
		}
		// Quoted again, the words come back.
		var quoted []string
		for _, w := range words {
			if strings.ContainsAny(w, "'`") || strings.ToValidUTF8(w, "") != w {
				return
			}
			quoted = append(quoted, "'"+w+"'")
		}
		again, err := ShellSplit(strings.Join(quoted, " "))
		if err != nil {
			t.Fatalf("%q: %v", quoted, err)
		}
		if strings.Join(again, "\x00") != strings.Join(words, "\x00") {
			t.Errorf("%q became %q", words, again)
		}
	})
}

func TestParseCommand(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		in              string
		cmd, entrypoint []string
	}{
		{"", nil, nil},
		{"  ", nil, nil},
		{"[]", nil, nil},
		{`["a b", "c"]`, []string{"a b", "c"}, []string{"a b", "c"}},
		{` ["a"] `, []string{"a"}, []string{"a"}},
		{"a 'b c'", []string{"a", "b c"}, []string{"/bin/sh", "-c", "a 'b c'"}},
		{"[a b]", []string{"[a", "b]"}, []string{"/bin/sh", "-c", "[a b]"}},
		{`["a", 1]`, []string{"[a,", "1]"}, []string{"/bin/sh", "-c", `["a", 1]`}},
		{`["a", null]`, []string{"[a,", "null]"}, []string{"/bin/sh", "-c", `["a", null]`}},
		{`["<&>"]`, []string{"<&>"}, []string{"<&>"}},
	} {
		got, err := ParseCommand(tc.in)
		if err != nil {
			t.Errorf("%q: %v", tc.in, err)
		}
		if diff := cmp.Diff(tc.cmd, got); diff != "" {
			t.Errorf("command %q: %s", tc.in, diff)
		}
		if diff := cmp.Diff(tc.entrypoint, ParseEntrypoint(tc.in)); diff != "" {
			t.Errorf("entrypoint %q: %s", tc.in, diff)
		}
	}
	i := scratch()
	for _, p := range []ProcessChange{{Cmd: Set(`a "b`)}, {Shell: Set(`a 'b`)}} {
		if _, err := i.Apply(Change{Process: p}); err == nil {
			t.Errorf("%+v: no error", p)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for _, f := range []Format{FormatOCI, FormatDocker} {
		got, err := ParseFormat(string(f))
		if err != nil || got != f || FormatOf(f.MediaType()) != f || f.OrDefault() != f {
			t.Errorf("%q: got %q, %v", f, got, err)
		}
	}
	if Format("").OrDefault() != FormatOCI || FormatOf("") != FormatOCI {
		t.Error("the default is not OCI")
	}
	for _, s := range []string{"", "OCI", "v2s1"} {
		_, err := ParseFormat(s)
		if err == nil || !strings.Contains(err.Error(), `unrecognized image type "`+s+`"`) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

func TestParsePlatform(t *testing.T) {
	t.Parallel()
	h := Host()
	for in, want := range map[string]Platform{
		"linux/amd64":       {OS: "linux", Arch: "amd64"},
		"linux/x86_64":      {OS: "linux", Arch: "amd64"},
		"linux/x86-64/v1":   {OS: "linux", Arch: "amd64"},
		"linux/amd64/v3":    {OS: "linux", Arch: "amd64", Variant: "v3"},
		"linux/aarch64":     {OS: "linux", Arch: "arm64"},
		"linux/arm64/v8":    {OS: "linux", Arch: "arm64"},
		"linux/armhf":       {OS: "linux", Arch: "arm", Variant: "v7"},
		"linux/armel":       {OS: "linux", Arch: "arm", Variant: "v6"},
		"linux/arm":         {OS: "linux", Arch: "arm", Variant: "v7"},
		"linux/arm/6":       {OS: "linux", Arch: "arm", Variant: "v6"},
		"linux/i386":        {OS: "linux", Arch: "386"},
		"Linux/AMD64":       {OS: "linux", Arch: "amd64"},
		"windows/amd64":     {OS: "windows", Arch: "amd64"},
		"linux/made-up.1_2": {OS: "linux", Arch: "made-up.1_2"},
		"local":             h,
		"":                  h,
		"/":                 h,
		"linux/":            {OS: "linux", Arch: h.Arch, Variant: h.Variant},
		"local/s390x":       {OS: h.OS, Arch: "s390x"},
		"/ppc64le":          {OS: h.OS, Arch: "ppc64le"},
		"riscv64":           {OS: h.OS, Arch: "riscv64"},
		"freebsd":           {OS: "freebsd", Arch: h.Arch, Variant: h.Variant},
	} {
		got, err := ParsePlatform(in)
		if err != nil {
			t.Errorf("%q: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q: %s", in, diff)
		}
	}
	for _, in := range []string{"a/b/c/d", "made-up", "linux/am d64", "linux/amd64/../x", "linux/\n"} {
		if got, err := ParsePlatform(in); err == nil {
			t.Errorf("%q: got %v and no error", in, got)
		}
	}
	if !(Platform{}).IsZero() || h.IsZero() || (Platform{OS: "linux", Arch: "arm", Variant: "v6"}).String() != "linux/arm/v6" {
		t.Error("IsZero or String")
	}
}
