package imagebuildah

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/moby/buildkit/frontend/dockerfile/command"
	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
)

// syntaxError translates an error of the parser, which knows the lines.
func (s *source) syntaxError(err error) error {
	first, last := 1, 1
	var located *parser.LocationError
	if errors.As(err, &located) && len(located.Locations) > 0 && len(located.Locations[0]) > 0 {
		ranges := located.Locations[0]
		first, last = ranges[0].Start.Line, ranges[len(ranges)-1].End.Line
		err = located.Unwrap()
		if strings.Contains(err.Error(), "parser directive") || strings.HasPrefix(err.Error(), "invalid escape token") {
			first, last = first+1, last+1 // the parser counts these from 0
		}
	}
	first = min(max(1, first), len(s.lines))
	err = s.explain(err, first, last)
	return &syntaxError{sourceError(s.locate(first, last, err), err)}
}

var quoted = regexp.MustCompile(`"([^"]+)"|'([^']+)'`)

// firstQuoted is the word that a message quotes, "" when there is none.
func firstQuoted(text string) string {
	found := quoted.FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	return found[1] + found[2]
}

// explain finds the word that a message of the parser is about, and gives it in
// the words that scripts look for.
func (s *source) explain(err error, first, last int) error {
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "invalid escape token"):
		err = fmt.Errorf("invalid ESCAPE: %s", strings.TrimPrefix(text, "invalid escape token "))
		_, value, _ := strings.Cut(s.line(first), "=")
		return blame(strings.TrimSpace(value), err)
	case strings.Contains(text, "parser directive"):
		name, _, _ := strings.Cut(strings.TrimLeft(s.line(first), "# \t"), "=")
		return blame(strings.TrimSpace(name), err)
	case strings.Contains(text, "file with no instructions"):
		return errors.New("no FROM statement found: the file has no instructions")
	case text == "unterminated heredoc":
		if doc := s.openHeredoc(first); doc != "" {
			return blame(doc, fmt.Errorf("%s: unterminated heredoc", doc))
		}
	case strings.Contains(text, "arrays must be comprised of strings only"):
		j := s.join(first, last)
		return blame(notString(string(j.text)), err)
	}
	return blame(firstQuoted(text), err)
}

// openHeredoc is the here-document that a line begins and that has no end.
func (s *source) openHeredoc(line int) string {
	at := line
	for _, word := range strings.Fields(s.line(line)) {
		doc := parser.MustParseHeredoc(word)
		if doc == nil {
			continue
		}
		end := slices.IndexFunc(s.lines[min(at, len(s.lines)):], func(l string) bool {
			if doc.Chomp {
				l = strings.TrimLeft(l, "\t")
			}
			return l == doc.Name
		})
		if end < 0 {
			return doc.Name
		}
		at += end + 1
	}
	return ""
}

// notString is the first element of an array in JSON that is no string, as far
// as it can be found again.
func notString(text string) string {
	_, array, ok := strings.Cut(text, "[")
	if !ok {
		return ""
	}
	d := json.NewDecoder(strings.NewReader("[" + array))
	d.UseNumber()
	for {
		token, err := d.Token()
		switch v := token.(type) {
		case string:
		case json.Number:
			return v.String()
		case bool:
			return strconv.FormatBool(v)
		case json.Delim:
			if v != '[' || d.InputOffset() > 1 {
				return v.String()
			}
		default:
			if err == nil {
				return "null"
			}
			return ""
		}
	}
}

var flagName = regexp.MustCompile(`--[a-z-]+`)

// translate gives an error of the instruction parser in the words that scripts
// look for, and finds the word that it is about.
func (in *instruction) translate(err error) error {
	var located *parser.LocationError
	if errors.As(err, &located) {
		err = located.Unwrap()
	}
	var unknown *instructions.UnknownInstructionError
	if errors.As(err, &unknown) {
		text := fmt.Sprintf("Build error: Unknown instruction: %q", in.verb())
		return errors.New(text + didYouMean(in.verb(), verbs()))
	}
	text := err.Error()
	switch {
	case strings.HasPrefix(text, "VOLUME specified"):
		return blame(`""`, errors.New("Volume specified can not be an empty string")) //nolint:staticcheck // scripts look for it
	case strings.Contains(text, "cannot be less than"):
		return blame("--"+firstQuoted(text), fmt.Errorf("%s: it must be positive", text))
	case strings.HasPrefix(text, "duplicate flag specified"):
		return &blamed{word: flagName.FindString(text), nth: 1, err: err}
	case strings.HasPrefix(text, "time: "), strings.HasPrefix(text, "strconv."):
		return in.badValue(firstQuoted(text))
	case in.verb() == "ONBUILD" && in.node.Next != nil && len(in.node.Next.Children) > 0:
		return blame(in.node.Next.Children[0].Value, err)
	case strings.HasSuffix(text, "names can not be blank"):
		return blame(in.unnamed(), err)
	}
	if name := flagName.FindString(text); name != "" {
		return blame(name, err)
	}
	return blame(firstQuoted(text), err)
}

// badValue is about a flag of HEALTHCHECK whose value is no duration or no number.
func (in *instruction) badValue(value string) error {
	for _, flag := range in.node.Flags {
		name, given, _ := strings.Cut(flag, "=")
		if given != value {
			continue
		}
		what := "a duration such as 30s or 1m30s"
		if name == "--retries" {
			what = "a number"
		}
		return blame(flag, blame(value, fmt.Errorf("%s %s=%s: invalid value, it must be %s", in.verb(), name, value, what)))
	}
	return fmt.Errorf("%s: invalid value %q", in.verb(), value)
}

// unnamed is the first word that is a value without a name. ENV has three nodes
// for a word: name, value and what is between them.
func (in *instruction) unnamed() string {
	for n := in.node.Next; n != nil; n = n.Next {
		switch {
		case in.verb() == "ARG" && strings.HasPrefix(n.Value, "="):
			return n.Value
		case in.verb() == "ARG":
		case n.Next == nil || n.Next.Next == nil:
			return ""
		case n.Value == "":
			return n.Next.Next.Value + n.Next.Value
		default:
			n = n.Next.Next
		}
	}
	return ""
}

func verbs() []string {
	all := make([]string, 0, len(command.Commands))
	for name := range command.Commands {
		all = append(all, strings.ToUpper(name))
	}
	return all
}

// mendFlags undoes what the parser does to flags: it takes every byte for a character.
func mendFlags(flags []string) {
	for i, flag := range flags {
		var b []byte
		for _, r := range flag {
			if r > 0xFF {
				b = nil
				break // it has learnt to read
			}
			b = append(b, byte(r))
		}
		if utf8.Valid(b) && len(b) > 0 {
			flags[i] = string(b)
		}
	}
}
