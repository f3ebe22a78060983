package transfer

import (
	"encoding/csv"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.podman.io/image/v5/docker/reference"

	"github.com/projectatomic/buildah/internal/compress"
)

// CachePlace is where steps of builds are looked for or written to: a repository, an
// OCI layout, or a directory with one directory a step.
type CachePlace struct {
	Kind string // "registry", "oci" or "dir"
	Name string // the repository in full, or the directory, absolute

	Insecure     bool        // the registry may do without HTTPS
	Compression  Compression // of what is written; its zero is the build's
	IgnoreErrors bool        // what cannot be written is only warned about
	ResultOnly   bool        // only steps that the result stands on are written
}

// The kinds of places.
const (
	PlaceRegistry = "registry"
	PlaceOCI      = "oci"
	PlaceDir      = "dir"
)

// String is the place as messages call it.
func (p CachePlace) String() string {
	if p.Kind == PlaceRegistry {
		return p.Name
	}
	return p.Kind + ":" + p.Name
}

// ParseCacheSource reads a value of --cache-from: REPOSITORY, oci:DIR, dir:DIR, or
// options as BuildKit has them, type=registry,ref=REPOSITORY or type=local,src=DIR.
func ParseCacheSource(text string) (CachePlace, error) {
	return parsePlace(text, placeWords{directory: "src", options: map[string]func(*CachePlace, string) error{
		"registry.insecure": insecurePlace,
	}})
}

// ParseCacheTarget reads a value of --cache-to.
func ParseCacheTarget(text string) (CachePlace, error) {
	return parsePlace(text, placeWords{directory: "dest", options: map[string]func(*CachePlace, string) error{
		"registry.insecure": insecurePlace,
		"mode":              placeMode,
		"compression":       placeCompression,
		"compression-level": placeLevel,
		"force-compression": func(p *CachePlace, v string) error { return setBool(&p.Compression.Force, v) },
		"ignore-error":      func(p *CachePlace, v string) error { return setBool(&p.IgnoreErrors, v) },
		"oci-mediatypes":    onlyTrue,
		"image-manifest":    onlyTrue,
	}})
}

// placeWords are the options that one of the flags knows.
type placeWords struct {
	directory string // the option that names a directory
	options   map[string]func(*CachePlace, string) error
}

func parsePlace(text string, w placeWords) (CachePlace, error) {
	kind, rest, found := strings.Cut(text, ":")
	switch first, _, _ := strings.Cut(text, ","); {
	case found && (kind == PlaceOCI || kind == PlaceDir):
		p := CachePlace{Kind: kind}
		err := p.directory(rest)
		return p, err
	case strings.Contains(first, "="):
		return w.parse(text)
	}
	p := CachePlace{Kind: PlaceRegistry}
	if name, options, some := strings.Cut(text, ","); some {
		return p, fmt.Errorf("%q: options go with a type: write type=registry,ref=%s,%s", text, name, options)
	}
	err := p.repository(text)
	return p, err
}

// parse reads options.
func (w placeWords) parse(text string) (p CachePlace, err error) {
	kind, where := "", map[string]string{}
	words, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return p, fmt.Errorf("splitting at commas: %w", err)
	}
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		set, known := w.options[name]
		switch {
		case name == "type":
			kind = value
		case name == "ref" || name == w.directory:
			where[name] = value
		case !known:
			return p, fmt.Errorf("option %q is not known: there are %s", name, strings.Join(w.names(), ", "))
		default:
			if err := set(&p, value); err != nil {
				return p, fmt.Errorf("option %q: %w", word, err)
			}
		}
	}
	err = p.locate(kind, where, w.directory)
	return p, err
}

// names are the options that there are.
func (w placeWords) names() []string {
	names := []string{"type", "ref", w.directory}
	for name := range w.options {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// locate settles what options say about the place.
func (p *CachePlace) locate(kind string, where map[string]string, directory string) error {
	needs, other := "ref", directory
	switch kind {
	case PlaceRegistry:
		p.Kind = PlaceRegistry
	case "local":
		p.Kind, needs, other = PlaceOCI, directory, "ref"
	case "":
		return fmt.Errorf("it has no type: write type=registry,ref=REPOSITORY or type=local,%s=DIR", directory)
	default:
		return fmt.Errorf("type=%s is not supported: write type=registry,ref=REPOSITORY or type=local,%s=DIR", kind, directory)
	}
	if _, ok := where[other]; ok {
		return fmt.Errorf("type=%s has no option %q: write type=%s,%s=VALUE", kind, other, kind, needs)
	}
	if where[needs] == "" {
		return fmt.Errorf("type=%s needs to know where: write type=%s,%s=VALUE", kind, kind, needs)
	}
	if p.Kind == PlaceOCI {
		return p.directory(where[needs])
	}
	return p.repository(where[needs])
}

func (p *CachePlace) directory(path string) (err error) {
	if path == "" {
		return fmt.Errorf("it names no directory: write %s:DIR", p.Kind)
	}
	if p.Kind == PlaceOCI && strings.Contains(path, ":") {
		return fmt.Errorf("the name of the directory of an OCI layout has no colon: write %s:DIR without a tag, or dir:DIR", p.Kind)
	}
	p.Name, err = filepath.Abs(path)
	return err
}

func (p *CachePlace) repository(text string) error {
	named, err := reference.ParseNormalizedNamed(text)
	if err != nil {
		return fmt.Errorf("invalid repo %q: must contain registry and repository: %w", text, err)
	}
	if !reference.IsNameOnly(named) {
		return fmt.Errorf("repository must contain neither a tag nor digest: %s: write %q", named, reference.FamiliarName(named))
	}
	p.Name = named.Name()
	return nil
}

func insecurePlace(p *CachePlace, value string) error { return setBool(&p.Insecure, value) }

func placeMode(p *CachePlace, value string) error {
	if value != "max" && value != "min" {
		return errors.New("there are mode=max, every step, and mode=min, steps of the result")
	}
	p.ResultOnly = value == "min"
	return nil
}

func placeCompression(p *CachePlace, value string) error {
	if value != string(compress.Gzip) && value != string(compress.Zstd) {
		return errors.New("there are compression=gzip and compression=zstd")
	}
	p.Compression.Format = value
	return nil
}

func placeLevel(p *CachePlace, value string) error {
	level, err := strconv.Atoi(value)
	if err != nil {
		return errors.New("it must be a number")
	}
	p.Compression.Level = &level
	return nil
}

func setBool(to *bool, value string) (err error) {
	if *to, err = strconv.ParseBool(value); err != nil {
		return errors.New("it must be true or false")
	}
	return nil
}

// onlyTrue takes what goes without saying.
func onlyTrue(_ *CachePlace, value string) error {
	var on bool
	if err := setBool(&on, value); err != nil || on {
		return err
	}
	return errors.New("steps are always written as OCI artifacts: leave it out")
}
