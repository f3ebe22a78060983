package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/projectatomic/buildah/internal/store"
	"github.com/projectatomic/buildah/internal/suggest"
)

// nearError adds the name that was probably meant.
type nearError struct {
	error
	name string
}

func (n nearError) Error() string { return fmt.Sprintf("%v (did you mean %q?)", n.error, n.name) }
func (n nearError) Unwrap() error { return n.error }

// explainUnknown adds to an error about an unknown name the one that was probably
// meant. It looks at all names, which only a failure is worth.
func explainUnknown(st *store.Store, err error) error {
	var unknown *store.UnknownError
	switch {
	case !errors.As(err, &unknown):
		return err
	case errors.Is(err, store.ErrContainerUnknown):
		if near := suggest.Nearest(unknown.Name, containerNames(st)); near != "" {
			return nearError{err, near}
		}
	case errors.Is(err, store.ErrImageUnknown), unknown.What == "":
		if near := nearestImage(unknown.Name, imageNames(st)); near != "" {
			return nearError{err, near}
		}
	}
	return err
}

func containerNames(st *store.Store) []string {
	list, err := st.Containers()
	if err != nil { // the names are only for a hint
		return nil
	}
	var names []string
	for _, c := range list {
		names = append(names, c.Names...)
	}
	return names
}

func imageNames(st *store.Store) []string {
	list, err := st.Images()
	if err != nil { // the names are only for a hint
		return nil
	}
	var names []string
	for _, img := range list {
		names = append(names, img.Names...)
	}
	return names
}

// nearestImage compares what was typed with the names of images, as they are and as
// people shorten them: without the registry, without directories, without the tag.
func nearestImage(typed string, names []string) string {
	var forms []string
	meant := map[string]string{}
	for _, name := range names {
		for form := name; ; {
			for _, short := range []string{form, strings.TrimSuffix(form, ":latest"), untagged(form)} {
				if meant[short] == "" {
					meant[short], forms = name, append(forms, short)
				}
			}
			_, rest, found := strings.Cut(form, "/")
			if !found {
				break
			}
			form = rest
		}
	}
	if name := meant[untagged(typed)]; name != "" { // only the tag is another
		return name
	}
	return meant[suggest.Nearest(typed, forms)]
}

// untagged drops a tag. The colon of a port stands before a slash.
func untagged(name string) string {
	if i := strings.LastIndexByte(name, ':'); i > strings.LastIndexByte(name, '/') {
		return name[:i]
	}
	return name
}
