package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"text/template"

	"golang.org/x/term"
)

// writeJSON writes v with an indent of four and without HTML escapes.
func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "    ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	return nil
}

// templateFuncs are the helpers of every --format.
func templateFuncs() template.FuncMap {
	return template.FuncMap{
		"join":  func(list []string, sep string) string { return strings.Join(list, sep) },
		"lower": strings.ToLower,
		"pad": func(s string, before, after int) string {
			return strings.Repeat(" ", max(0, before)) + s + strings.Repeat(" ", max(0, after))
		},
		"split": strings.Split,
		"title": func(s string) string { return sentence(s) },
		"truncate": func(s string, n int) string {
			if r := []rune(s); n >= 0 && len(r) > n {
				return string(r[:n])
			}
			return s
		},
		"upper": strings.ToUpper,
		"json": func(v any) (string, error) {
			var b bytes.Buffer
			e := json.NewEncoder(&b)
			e.SetEscapeHTML(false)
			err := e.Encode(v)
			return strings.TrimSuffix(b.String(), "\n"), err
		},
	}
}

func parseTemplate(text string) (*template.Template, error) {
	t, err := template.New("format").Funcs(templateFuncs()).Parse(text)
	if err != nil {
		return nil, fmt.Errorf("parsing the format: %w", err)
	}
	return t, nil
}

// writeObject shows one object through a template. A newline follows only on a
// terminal, so that the output can be captured as it is.
func writeObject(w io.Writer, text string, v any) error {
	if !strings.Contains(text, "{{") {
		return fmt.Errorf("parsing the format: %q has no {{...}}", text)
	}
	t, err := parseTemplate(text)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, v); err != nil {
		return fmt.Errorf("applying the format: %w", err)
	}
	if isTerminal(w) {
		b.WriteByte('\n')
	}
	_, err = w.Write(b.Bytes())
	return err
}

// rowFormat shows rows through a template, one line for each, in aligned columns:
// a space of the template outside of {{...}} separates columns.
type rowFormat struct {
	template *template.Template
	header   bool
}

// parseRows understands a --format of a command that lists. A text that begins
// with "table " asks for a header.
func parseRows(text string) (rowFormat, error) {
	text, header := strings.CutPrefix(text, "table ")
	t, err := parseTemplate(columnsOf(strings.ReplaceAll(text, `\t`, "\t")))
	return rowFormat{template: t, header: header}, err
}

// columnsOf turns the spaces between actions into tabs and leaves actions alone.
func columnsOf(text string) string {
	var b strings.Builder
	for text != "" {
		before, after, found := strings.Cut(text, "{{")
		b.WriteString(strings.ReplaceAll(before, " ", "\t"))
		if !found {
			break
		}
		action, rest, _ := strings.Cut(after, "}}")
		b.WriteString("{{" + action + "}}")
		text = rest
	}
	return b.String()
}

// writeRowsOf writes the rows; headers gives the title of each field.
func writeRowsOf[T any](w io.Writer, f rowFormat, headers map[string]string, rows []T) error {
	// Columns are at least three spaces apart.
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	if f.header {
		if err := f.template.Execute(tw, headers); err != nil {
			return fmt.Errorf("applying the format: %w", err)
		}
		fmt.Fprintln(tw)
	}
	for _, r := range rows {
		if err := f.template.Execute(tw, r); err != nil {
			return errors.Join(fmt.Errorf("applying the format: %w", err), tw.Flush())
		}
		fmt.Fprintln(tw)
	}
	return tw.Flush()
}

// writeTable writes lines of words in aligned columns.
func writeTable(w io.Writer, lines [][]string) error {
	tw := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, words := range lines {
		if _, err := fmt.Fprintln(tw, strings.Join(words, "\t")); err != nil {
			return err
		}
	}
	return tw.Flush()
}

// isTerminal tells whether a stream is a terminal.
func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
