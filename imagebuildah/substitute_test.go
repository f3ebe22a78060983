package imagebuildah

import "testing"

func TestExpansion(t *testing.T) {
	t.Parallel()
	vars := variables{env: []string{"s=abcabc", "path=/usr/local/lib.tar.gz", "e=", "dir=/usr", "star=a*c"}}
	src := &source{escape: '\\'}
	for text, want := range map[string]string{
		"$s-${s}":                          "abcabc-abcabc",
		"${s/b/X} ${s//b/X}":               "aXcabc aXcaXc",
		"${s/b} ${s//b}":                   "acabc acac",
		"${s/#ab/X} ${s/#b/X}":             "Xcabc abcabc",
		"${s/%bc/X} ${s/%b/X}":             "abcaX abcabc",
		"${s/#ab}${s/%bc}":                 "cabcabca",
		`${path/#\/usr/R}`:                 "R/local/lib.tar.gz",
		"${path/#$dir/R}":                  "R/local/lib.tar.gz",
		"${path/%.*/}":                     "/usr/local/lib",
		"${s/b/${dir}}":                    "a/usrcabc",
		"${s/#a/${e:-${s/b}}}":             "acabcbcabc",
		"${none:-${s/b}}":                  "acabc",
		`"${s/b}" '${s/b}'`:                "acabc ${s/b}",
		`\${s/b}`:                          "${s/b}",
		`"'${s/b}'"`:                       "'acabc'",
		"${e/b} ${none/#b/X}":              " ",
		"${s/?/Z} ${s//a*/Z}":              "Zbcabc Z",
		"${path//\\//_}":                   "_usr_local_lib.tar.gz",
		"${s#ab} ${s##*b} ${s%c} ${s%%b*}": "cabc c abcab a",
		"/${s}/x":                          "/abcabc/x",
	} {
		got, err := src.word(text, vars)
		if err != nil || got != want {
			t.Errorf("%s: got %q, %v, want %q", text, got, err, want)
		}
	}
	for _, text := range []string{"${s/b", "${s/", "${s/#b", "${s/b/", "${s/#", "${s//", "${", "${s/${b}"} {
		if got, err := src.word(text, vars); err == nil {
			t.Errorf("%s: got %q", text, got)
		}
	}
	got, err := document("it's ${s/b} '${s/#a/X}'\n", vars)
	if want := "it's acabc 'Xbcabc'\n"; got != want || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
}

func FuzzRewrite(f *testing.F) {
	for _, text := range []string{"${s/b}", "${s/#a/${s/b}}", "'${s/b}\"${s//", "\\${s/%$s/\\}}"} {
		f.Add(text)
	}
	src := &source{escape: '\\'}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := src.word(text, variables{args: map[string]string{"s": "abc"}})
		if err == nil && len(got) > 1<<20 {
			t.Errorf("%d bytes of %d", len(got), len(text))
		}
	})
}
