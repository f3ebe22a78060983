package builder

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/distribution/reference"

	"github.com/projectatomic/buildah/internal/transfer"
)

// imageFilters are parsed filters of a listing, in the order given.
type imageFilters []imageFilterItem

type imageFilterItem struct {
	key, value string
	negate     bool
}

// imageFilterKeys are the keys that listings of images know.
func imageFilterKeys() []string {
	return []string{"after", "since", "before", "containers", "dangling", "intermediate", "digest", "id", "label", "manifest", "readonly", "reference", "until"}
}

// parseImageFilters reads key=value and key!=value items and refuses what contradicts itself.
func parseImageFilters(items []string) (imageFilters, error) {
	var all imageFilters
	for _, text := range items {
		key, value, ok := strings.Cut(text, "=")
		if !ok {
			return nil, fmt.Errorf("invalid image filter %q: must be in the format \"key=value\"", text)
		}
		item := imageFilterItem{key: key, value: value}
		if k, isNot := strings.CutSuffix(key, "!"); isNot {
			item.key, item.negate = k, true
		}
		if !slices.Contains(imageFilterKeys(), item.key) {
			return nil, fmt.Errorf("unsupported image filter %q: %s are known", item.key, strings.Join(imageFilterKeys(), ", "))
		}
		if err := all.check(item); err != nil {
			return nil, err
		}
		all = append(all, item)
	}
	return all, nil
}

// check refuses values that cannot be and repeats that contradict each other.
func (f imageFilters) check(item imageFilterItem) error {
	switch item.key {
	case "containers", "dangling", "intermediate", "manifest", "readonly":
		want, err := strconv.ParseBool(item.value)
		if err != nil {
			return fmt.Errorf("image filter %q: %q is not true or false", item.key, item.value)
		}
		for _, other := range f {
			have, _ := strconv.ParseBool(other.value)
			if other.key == item.key && (have != other.negate) != (want != item.negate) {
				return fmt.Errorf("image filter %q is given as true and as false", item.key)
			}
		}
	case "digest":
		if !strings.HasPrefix(item.value, "sha256:") {
			return fmt.Errorf("image filter \"digest\": %q does not begin with \"sha256:\"", item.value)
		}
	}
	return nil
}

func (f imageFilters) mentions(key string) bool {
	return slices.ContainsFunc(f, func(i imageFilterItem) bool { return i.key == key })
}

// imagePredicate tells whether a listing shows an image.
type imagePredicate func(ImageInfo) (bool, error)

// imageFilter makes one predicate of all filters. Positive references are
// alternatives; everything else must hold together.
func (e *Engine) imageFilter(filters imageFilters) (imagePredicate, error) {
	var must, any []imagePredicate
	for _, item := range filters {
		p, err := e.predicate(item)
		if err != nil {
			return nil, err
		}
		switch {
		case item.negate:
			positive := p
			must = append(must, func(i ImageInfo) (bool, error) { ok, err := positive(i); return !ok, err })
		case item.key == "reference":
			any = append(any, p)
		default:
			must = append(must, p)
		}
	}
	return func(i ImageInfo) (bool, error) {
		for _, p := range must {
			if ok, err := p(i); !ok || err != nil {
				return false, err
			}
		}
		for _, p := range any {
			if ok, err := p(i); ok || err != nil {
				return ok, err
			}
		}
		return len(any) == 0, nil
	}, nil
}

// predicate makes the test for one filter.
func (e *Engine) predicate(item imageFilterItem) (imagePredicate, error) {
	value := item.value
	switch item.key {
	case "after", "since", "before":
		return e.timePredicate(item)
	case "until":
		limit, err := parseUntil(value, time.Now())
		if err != nil {
			return nil, err
		}
		return func(i ImageInfo) (bool, error) { return i.Created.Before(limit), nil }, nil
	case "containers":
		return e.usedPredicate(value)
	case "dangling":
		return boolPredicate(value, func(i ImageInfo) bool { return i.Dangling() }), nil
	case "intermediate":
		return boolPredicate(value, func(i ImageInfo) bool { return i.Intermediate() }), nil
	case "manifest":
		return boolPredicate(value, func(i ImageInfo) bool { return i.List }), nil
	case "readonly":
		return boolPredicate(value, func(i ImageInfo) bool { return i.ReadOnly }), nil
	case "digest":
		return func(i ImageInfo) (bool, error) {
			for _, d := range i.Digests {
				if strings.HasPrefix(d.String(), value) {
					return true, nil
				}
			}
			return strings.HasPrefix(i.Digest.String(), value), nil
		}, nil
	case "id":
		return func(i ImageInfo) (bool, error) {
			return strings.HasPrefix(i.ID, strings.TrimPrefix(value, "sha256:")), nil
		}, nil
	case "label":
		return e.labelPredicate(value), nil
	}
	return referencePredicate(value), nil // the only key left
}

func boolPredicate(value string, fact func(ImageInfo) bool) imagePredicate {
	want, _ := strconv.ParseBool(value) // checked when it was parsed
	return func(i ImageInfo) (bool, error) { return fact(i) == want, nil }
}

func (e *Engine) timePredicate(item imageFilterItem) (imagePredicate, error) {
	found, _, err := e.Images.Lookup(item.value, transfer.LookupOptions{Lists: true})
	if err != nil {
		return nil, fmt.Errorf("image filter %q: %w", item.key, err)
	}
	than := found.Created
	if item.key == "before" {
		return func(i ImageInfo) (bool, error) { return i.Created.Before(than), nil }, nil
	}
	return func(i ImageInfo) (bool, error) { return i.Created.After(than), nil }, nil
}

func (e *Engine) usedPredicate(value string) (imagePredicate, error) {
	containers, err := e.Store.Containers()
	if err != nil {
		return nil, fmt.Errorf("listing containers: %w", err)
	}
	used := map[string]bool{}
	for _, c := range containers {
		used[c.ImageID] = true
	}
	return boolPredicate(value, func(i ImageInfo) bool { return used[i.ID] }), nil
}

// labelPredicate tests for k or k=v, where * stands for any text.
func (e *Engine) labelPredicate(value string) imagePredicate {
	wantKey, wantValue, hasValue := strings.Cut(value, "=")
	return func(i ImageInfo) (bool, error) {
		config, err := e.Store.Config(i.ID)
		if err != nil {
			return false, nil //nolint:nilerr // an image without a configuration has no labels
		}
		var img struct { // the same place in both formats
			Config struct{ Labels map[string]string } `json:"config"`
		}
		if err := json.Unmarshal(config, &img); err != nil {
			return false, nil //nolint:nilerr // nor has one whose configuration cannot be read
		}
		for k, v := range img.Config.Labels {
			if wild(wantKey, k) && (!hasValue || wild(wantValue, v)) {
				return true, nil
			}
		}
		return false, nil
	}
}

// wild matches text against a pattern in which * stands for any text.
func wild(pattern, text string) bool {
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for i := 0; i <= len(text); i++ {
		if wild(rest, text[i:]) {
			return true
		}
	}
	return false
}

// referencePredicate tests names against a shell pattern: the repository, the
// repository with its tag, or the last component, with or without the tag.
func referencePredicate(pattern string) imagePredicate {
	return func(i ImageInfo) (bool, error) {
		for _, name := range i.Names {
			if matchesReference(pattern, name) {
				return true, nil
			}
		}
		return false, nil
	}
}

// shownNames says which names of an image a listing shows: all of them, unless
// the only reference that is asked for is fully qualified.
func shownNames(items []string) (func([]string) []string, error) {
	filters, err := parseImageFilters(items)
	if err != nil {
		return nil, err
	}
	var patterns []string
	for _, f := range filters {
		if f.key == "reference" && !f.negate {
			patterns = append(patterns, f.value)
		}
	}
	if len(patterns) != 1 {
		return slices.Clone[[]string], nil
	}
	host, _, qualified := strings.Cut(patterns[0], "/")
	if !qualified || host != "localhost" && !strings.ContainsAny(host, ".:") {
		return slices.Clone[[]string], nil
	}
	return func(names []string) []string {
		return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !matchesReference(patterns[0], name) })
	}, nil
}

func matchesReference(pattern, name string) bool {
	named, err := reference.ParseNormalizedNamed(name)
	if err != nil {
		return false
	}
	candidates := []string{name, named.Name()}
	if tagged, ok := named.(reference.Tagged); ok {
		candidates = append(candidates, path.Base(named.Name())+":"+tagged.Tag())
	}
	// "busybox" names docker.io/library/busybox as well as a path that ends in it.
	parts := strings.Split(named.Name(), "/")
	for k := 1; k < len(parts); k++ {
		tail := strings.Join(parts[k:], "/")
		candidates = append(candidates, tail)
		if tagged, ok := named.(reference.Tagged); ok {
			candidates = append(candidates, tail+":"+tagged.Tag())
		}
	}
	return slices.ContainsFunc(candidates, func(c string) bool {
		ok, err := path.Match(pattern, c)
		return err == nil && ok
	})
}

// parseUntil reads a time: RFC 3339, a date, Unix seconds, or a duration before now.
func parseUntil(text string, now time.Time) (time.Time, error) {
	if d, err := time.ParseDuration(text); err == nil {
		return now.Add(-d), nil
	}
	if s, err := strconv.ParseInt(text, 10, 64); err == nil {
		return time.Unix(s, 0), nil
	}
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05", "2006-01-02T15:04", "2006-01-02"} {
		if t, err := time.ParseInLocation(layout, text, now.Location()); err == nil {
			return t, nil
		}
	}
	return time.Time{}, fmt.Errorf("image filter \"until\": %q is neither a time nor a duration", text)
}
