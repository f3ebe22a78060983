package transfer

import (
	"strings"
)

// oneLine is the text of an error without line breaks: registries answer with
// whole pages, and several candidates fail for a reason each.
func oneLine(err error) string {
	return strings.Join(strings.Fields(err.Error()), " ")
}

// lineError keeps an error and shows it in one line.
type lineError struct{ err error }

func (e lineError) Error() string { return oneLine(e.err) }
func (e lineError) Unwrap() error { return e.err }

// inOneLine wraps errors whose text has line breaks.
func inOneLine(err error) error {
	if err == nil || !strings.ContainsAny(err.Error(), "\r\n") {
		return err
	}
	return lineError{err}
}

// candidateErrors is why each of several candidates could not be pulled.
type candidateErrors []error

func (e candidateErrors) Error() string {
	texts := make([]string, len(e))
	for i, err := range e {
		texts[i] = oneLine(err)
	}
	return strings.Join(texts, "; ")
}

func (e candidateErrors) Unwrap() []error { return e }
