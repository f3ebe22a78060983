package imagebuildah

import (
	"encoding/csv"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// plainLetters may stand in a word of the shell without quotes, besides letters and digits.
const plainLetters = "_-./:=@%+,"

// quote writes text as one word of bash. What would not survive in a text file,
// or what readers could mistake for another character, is written as an escape.
func quote(text string) string {
	switch {
	case text != "" && strings.IndexFunc(text, special) < 0 && text[0] != '=':
		return text
	case strings.IndexFunc(text, unseen) < 0 && utf8.ValidString(text):
		return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
	}
	var b strings.Builder
	b.WriteString("$'")
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '\'' || r == '\\':
			b.WriteString(`\` + text[i:i+1])
		case r == '\n':
			b.WriteString(`\n`)
		case unseen(r) || r == utf8.RuneError:
			for _, c := range []byte(text[i : i+size]) {
				fmt.Fprintf(&b, `\%03o`, c)
			}
		default:
			b.WriteString(text[i : i+size])
		}
		i += size
	}
	return b.String() + "'"
}

// special tells whether a character has to be quoted.
func special(r rune) bool {
	return r >= utf8.RuneSelf || !unicode.IsLetter(r) && !unicode.IsDigit(r) && !strings.ContainsRune(plainLetters, r)
}

// unseen tells whether a character would be lost on a reader, or on an editor.
func unseen(r rune) bool {
	return r != '\n' && r != '\t' && !unicode.IsPrint(r) || strings.ContainsRune("‘’‚‛“”„‟′″", r)
}

// listItem protects the commas of one value of a flag that takes several.
func listItem(value string) string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	if err := w.Write([]string{value}); err != nil {
		return value // a strings.Builder takes everything
	}
	w.Flush()
	return strings.TrimSuffix(b.String(), "\n")
}

// flagWord is a flag and its value. A value that looks like a flag is attached.
func flagWord(name, value string) string {
	if value == "" || value[0] == '-' {
		return "--" + name + "=" + quote(value)
	}
	return "--" + name + " " + quote(value)
}

// lineWidth is where lines of a script are broken.
const lineWidth = 100

// commandLine joins words to a command, broken into lines where it is long.
func commandLine(words ...string) (string, error) {
	var b strings.Builder
	width := 0
	for i, w := range words {
		first, _, _ := strings.Cut(w, "\n")
		switch {
		case strings.ContainsRune(w, 0):
			return "", fmt.Errorf("%q: a script cannot hold a null character", w)
		case i == 0:
		case width+len(first) < lineWidth:
			b.WriteByte(' ')
			width++
		default:
			b.WriteString(" \\\n  ")
			width = 2
		}
		b.WriteString(w)
		if at := strings.LastIndexByte(w, '\n'); at >= 0 {
			width = len(w) - at
		} else {
			width += len(w)
		}
	}
	return b.String(), nil
}

// comment makes one line of a text.
func comment(text string) string {
	return "# " + strings.Map(func(r rune) rune {
		if r == utf8.RuneError || r != '\t' && unseen(r) || r == '\n' {
			return '?'
		}
		return r
	}, text)
}

// variableName makes a name for a variable of what a stage or an image is called.
func variableName(text string) string {
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return unicode.ToLower(r)
		}
		return '_'
	}, text)
	name = strings.Trim(name, "_")
	if name == "" || name[0] >= '0' && name[0] <= '9' {
		name = "stage_" + name
	}
	return strings.TrimRight(name, "_")
}
