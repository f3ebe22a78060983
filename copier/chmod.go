package copier

import (
	"fmt"
	"strconv"
	"strings"
)

// ModeChange is what chmod(1) is told: an octal mode, or clauses such as
// "u=rwX,go=rX". There is no umask: "+x" is for everybody.
type ModeChange struct {
	fixed   *Mode
	clauses []modeClause
}

// modeClause is one operation on the bits of some of user, group and others.
type modeClause struct {
	who     Mode // all bits that "=" clears
	op      byte // '+', '-' or '='
	bits    Mode // of "rwxst", within who
	execute bool // 'X': the execute bits of who, for directories and what is executable
	from    byte // 'u', 'g' or 'o' to copy their bits, or 0
}

// The bits of user, group and others, with those that "s" and "t" stand for.
const (
	modeUser   Mode = 0o4700
	modeGroup  Mode = 0o2070
	modeOther  Mode = 0o1007
	modeSticky Mode = 0o1000
	modeExec   Mode = 0o0111
)

// ParseChmod reads an octal mode of at most 7777, or a symbolic one.
func ParseChmod(text string) (ModeChange, error) {
	if text != "" && strings.Trim(text, "0123456789") == "" {
		n, err := strconv.ParseUint(text, 8, 32)
		if err != nil || n > modeAll {
			return ModeChange{}, fmt.Errorf("parsing mode %q: it must be an octal number of at most 7777", text)
		}
		mode := Mode(n)
		return ModeChange{fixed: &mode}, nil
	}
	var c ModeChange
	for clause := range strings.SplitSeq(text, ",") {
		list, ok := parseClause(clause)
		if !ok {
			return ModeChange{}, fmt.Errorf("parsing mode %q: it must be an octal number of at most 7777, or symbolic as in \"u=rwX,go=rX\"", text)
		}
		c.clauses = append(c.clauses, list...)
	}
	return c, nil
}

// parseClause reads [ugoa...][+-=][PERMISSIONS], with one or more operations.
func parseClause(text string) (list []modeClause, ok bool) {
	rest := strings.TrimLeft(text, "ugoa")
	who := whoOf(text[:len(text)-len(rest)])
	for rest != "" {
		c := modeClause{who: who, op: rest[0]}
		if !strings.ContainsRune("+-=", rune(c.op)) {
			return nil, false
		}
		rest = rest[1:]
		end := strings.IndexAny(rest, "+-=")
		if end < 0 {
			end = len(rest)
		}
		if !c.permit(rest[:end]) {
			return nil, false
		}
		rest = rest[end:]
		list = append(list, c)
	}
	return list, len(list) > 0
}

// whoOf gives all bits of those that are named; nobody named is everybody.
func whoOf(text string) Mode {
	if text == "" || strings.Contains(text, "a") {
		return modeAll
	}
	who := Mode(0)
	for _, r := range text {
		who |= map[rune]Mode{'u': modeUser, 'g': modeGroup, 'o': modeOther}[r]
	}
	return who
}

// permit takes the letters after an operator.
func (c *modeClause) permit(text string) bool {
	if len(text) == 1 && strings.Contains("ugo", text) {
		c.from = text[0]
		return true
	}
	for _, r := range text {
		switch r {
		case 'r':
			c.bits |= 0o444 & c.who
		case 'w':
			c.bits |= 0o222 & c.who
		case 'x':
			c.bits |= modeExec & c.who
		case 'X':
			c.execute = true
		case 's':
			c.bits |= modeSetID & c.who
		case 't':
			c.bits |= modeSticky & c.who
		default:
			return false
		}
	}
	return true
}

// Apply gives the mode that a file gets which has another one.
func (c ModeChange) Apply(mode Mode, dir bool) Mode {
	if c.fixed != nil {
		return *c.fixed
	}
	for _, clause := range c.clauses {
		mode = clause.apply(mode, dir)
	}
	return mode
}

func (c modeClause) apply(mode Mode, dir bool) Mode {
	bits := c.bits
	if c.execute && (dir || mode&modeExec != 0) {
		bits |= modeExec & c.who
	}
	if c.from != 0 {
		shift := map[byte]int{'u': 6, 'g': 3, 'o': 0}[c.from]
		bits = mode >> shift & 7 * modeExec & c.who
	}
	switch c.op {
	case '+':
		return mode | bits
	case '-':
		return mode &^ bits
	}
	return mode&^c.who | bits
}
