package main

import (
	"encoding/csv"
	"errors"
	"flag"
	"fmt"
	"strconv"
	"strings"

	"github.com/urfave/cli/v2"
)

// option is one flag of a command. It fills a variable of the caller, usually a
// field of a struct of the library, so that adding a flag touches two files.
//
// The library's own flag types are not used: they split values at commas, set a
// value twice when a flag has a short form, and cannot say what a flag means
// that stands alone. An option has one name for the library; short forms belong
// to the canonicaliser (argv.go) and to help.
type option struct {
	name   string
	short  string // one letter, or ""
	usage  string
	word   string // stands for the value in help; "" for a switch
	preset string // the default as help shows it

	set     func(value string) error
	bare    string // what the flag means without a value; "" when it needs one
	hidden  bool
	changed bool // it was given
	values  []string
	err     error // why the value was refused
}

var _ cli.Flag = (*option)(nil)

// newOption makes an option from "name" or "name,n".
func newOption(names, word, usage string, set func(string) error) *option {
	name, short, _ := strings.Cut(names, ",")
	return &option{name: name, short: short, word: word, usage: usage, set: set}
}

// hide leaves the option out of help, completion and the manual.
func (o *option) hide() *option { o.hidden = true; return o }

// alone says what the option means when it has no value.
func (o *option) alone(value string) *option { o.bare = value; return o }

// shows sets the default that help shows.
func (o *option) shows(preset string) *option { o.preset = preset; return o }

// isSwitch tells whether the option never takes the next word.
func (o *option) isSwitch() bool { return o.word == "" }

// The methods of cli.Flag.

// Apply declares the option.
func (o *option) Apply(set *flag.FlagSet) error {
	set.Var(optionValue{o}, o.name, o.usage)
	return nil
}

// Names gives the one name that the library knows.
func (o *option) Names() []string { return []string{o.name} }

// IsSet tells whether the option was given.
func (o *option) IsSet() bool { return o.changed }

func (o *option) String() string { return "--" + o.name }

// optionValue is the flag.Value of an option.
type optionValue struct{ *option }

func (v optionValue) Set(s string) error {
	v.changed, v.values = true, append(v.values, s)
	err := v.set(s)
	var refused unsupportedError
	switch {
	case err == nil || v.err != nil:
	case errors.As(err, &refused): // no other value would do
		v.err = err
	default:
		v.err = badValueError{flag: v.option, value: s, cause: err}
	}
	return err
}

func (v optionValue) String() string { return "" }

func (v optionValue) IsBoolFlag() bool { return v.option != nil && v.isSwitch() }

// badValueError is a flag whose value is of no use.
type badValueError struct {
	flag  *option
	value string
	cause error
}

func (b badValueError) Error() string {
	name := "--" + b.flag.name
	if b.flag.short != "" {
		name = "-" + b.flag.short + ", " + name
	}
	return fmt.Sprintf("invalid argument %q for %q flag: %v", b.value, name, b.cause)
}

func (b badValueError) Unwrap() error { return b.cause }

// usageOf gives the reason that an option recorded, which says more than what
// the flag library makes of it.
func usageOf(flags []cli.Flag, err error) error {
	for _, f := range flags {
		if o, ok := f.(*option); ok && o.err != nil {
			return usageError{cause: o.err}
		}
	}
	return usageError{cause: err}
}

// boolOption is a switch.
func boolOption(names string, p *bool, usage string) *option {
	o := newOption(names, "", usage, func(s string) (err error) {
		*p, err = strconv.ParseBool(s)
		return withoutPrefix(err)
	})
	if *p {
		o.preset = "true"
	}
	return o
}

// textOption takes one text; the last one counts.
func textOption(names, word string, p *string, usage string) *option {
	return newOption(names, word, usage, func(s string) error { *p = s; return nil }).shows(*p)
}

// numberOption takes one number, decimal or with 0x, 0o, 0b.
func numberOption[T int | int64 | uint64](names string, p *T, usage string) *option {
	return newOption(names, "N", usage, func(s string) error {
		v, err := parseNumber[T](s)
		if err == nil {
			*p = v
		}
		return err
	})
}

func parseNumber[T int | int64 | uint64](s string) (T, error) {
	var zero T
	if _, unsigned := any(zero).(uint64); unsigned {
		v, err := strconv.ParseUint(s, 0, 64)
		return T(v), withoutPrefix(err)
	}
	v, err := strconv.ParseInt(s, 0, 64)
	return T(v), withoutPrefix(err)
}

// arrayOption may be repeated and takes each value as it is. The first use
// replaces the default.
func arrayOption(names, word string, p *[]string, usage string) *option {
	return collect(names, word, p, usage, func(s string) ([]string, error) { return []string{s}, nil })
}

// listOption may be repeated, and a value may be several, separated by commas;
// double quotes protect a comma.
func listOption(names, word string, p *[]string, usage string) *option {
	return collect(names, word, p, usage, splitList)
}

// numbersOption is a listOption of numbers.
func numbersOption(names string, p *[]int, usage string) *option {
	return collect(names, "N", p, usage, func(s string) ([]int, error) {
		words, err := splitList(s)
		var numbers []int
		for _, w := range words {
			n, nerr := parseNumber[int](w)
			if nerr != nil {
				return nil, nerr
			}
			numbers = append(numbers, n)
		}
		return numbers, err
	})
}

func collect[T any](names, word string, p *[]T, usage string, split func(string) ([]T, error)) *option {
	fresh := true
	return newOption(names, word, usage, func(s string) error {
		values, err := split(s)
		if err != nil {
			return err
		}
		if fresh {
			*p, fresh = nil, false
		}
		*p = append(*p, values...)
		return nil
	})
}

// splitList splits one value at its commas.
func splitList(s string) ([]string, error) {
	if s == "" {
		return nil, nil
	}
	r := csv.NewReader(strings.NewReader(s))
	words, err := r.Read()
	if err != nil {
		return nil, fmt.Errorf("splitting at commas: %w", err)
	}
	return words, nil
}

// withoutPrefix drops the name of the function from an error of strconv.
func withoutPrefix(err error) error {
	if ne, ok := err.(*strconv.NumError); ok { //nolint:errorlint // straight from strconv, never wrapped
		return ne.Err
	}
	return err
}

// asFlags turns groups of options into what the library wants.
func asFlags(groups ...[]*option) []cli.Flag {
	var flags []cli.Flag
	for _, group := range groups {
		for _, o := range group {
			flags = append(flags, o)
		}
	}
	return flags
}

// given tells which of a command's flags were on the command line.
func given(c *cli.Context, name string) bool {
	for _, f := range c.Command.Flags {
		if o, ok := f.(*option); ok && o.name == name {
			return o.changed
		}
	}
	return false
}
