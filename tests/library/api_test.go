// Package library looks at the packages that other modules use: builder,
// imagebuildah and copier.
package library

import (
	"encoding/json"
	"errors"
	"fmt"
	"go/importer"
	"go/token"
	"go/types"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/projectatomic/buildah"

// public are the packages that other modules import.
var public = []string{module + "/builder", module + "/copier", module + "/imagebuildah"}

// surface is what can be seen of the public packages.
type surface struct {
	named map[*types.TypeName]bool   // internal types that have a public name
	needs map[*types.TypeName]string // internal types that callers have to say, and for what
	seen  map[types.Type]bool
}

// Whoever calls an exported function or fills a field has to be able to say the
// types: none may only have a name below internal/.
func TestEveryTypeHasAPublicName(t *testing.T) {
	t.Parallel()
	s := &surface{named: map[*types.TypeName]bool{}, needs: map[*types.TypeName]string{}, seen: map[types.Type]bool{}}
	packages := load(t)
	for _, p := range packages {
		for _, name := range p.Scope().Names() {
			if o, ok := p.Scope().Lookup(name).(*types.TypeName); ok && o.Exported() && o.IsAlias() {
				if n, ok := types.Unalias(o.Type()).(*types.Named); ok {
					s.named[n.Obj()] = true
				}
			}
		}
	}
	for _, p := range packages {
		for _, name := range p.Scope().Names() {
			if o := p.Scope().Lookup(name); o.Exported() {
				s.object(p.Name()+"."+name, o)
			}
		}
	}
	var missing []string
	for o, of := range maps.All(s.needs) {
		if !s.named[o] {
			missing = append(missing, fmt.Sprintf("%s is needed for %s", o.Type(), of))
		}
	}
	slices.Sort(missing)
	for _, m := range missing {
		t.Error(strings.ReplaceAll(m, module+"/", ""))
	}
	if len(s.needs) < 20 {
		t.Errorf("only %d types were looked at", len(s.needs))
	}
}

func (s *surface) object(of string, o types.Object) {
	switch o := o.(type) {
	case *types.Func:
		s.function(of, o.Type().(*types.Signature))
	case *types.TypeName:
		s.typ(of, o.Type())
	}
}

// function looks at what has to be passed. Results need no name.
func (s *surface) function(of string, f *types.Signature) {
	for v := range f.Params().Variables() {
		s.typ(of, v.Type())
	}
}

// typ looks at a type that a caller makes, and at all that it is made of.
func (s *surface) typ(of string, t types.Type) {
	t = types.Unalias(t)
	if s.seen[t] {
		return
	}
	s.seen[t] = true
	switch t := t.(type) {
	case *types.Named:
		s.namedType(of, t)
	case *types.Pointer:
		s.typ(of, t.Elem())
	case *types.Slice:
		s.typ(of, t.Elem())
	case *types.Array:
		s.typ(of, t.Elem())
	case *types.Map:
		s.typ(of, t.Key())
		s.typ(of, t.Elem())
	case *types.Signature: // a call-back: its parameters have to be said
		s.function(of, t)
		for v := range t.Results().Variables() {
			s.typ(of, v.Type())
		}
	case *types.Struct:
		for f := range t.Fields() {
			if f.Exported() {
				s.typ(of+"."+f.Name(), f.Type())
			}
		}
	}
}

func (s *surface) namedType(of string, t *types.Named) {
	o := t.Obj()
	if o.Pkg() == nil || !strings.HasPrefix(o.Pkg().Path(), module) {
		return
	}
	inside := strings.Contains(o.Pkg().Path(), "/internal/")
	if inside {
		s.needs[o] = of
	}
	for m := range t.Methods() { // those of internal types are for us
		if m.Exported() && !inside {
			s.function(of+"."+m.Name(), m.Type().(*types.Signature))
		}
	}
	s.typ(of, t.Underlying())
}

// load reads what the compiler wrote of the packages.
func load(t *testing.T) []*types.Package {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"list", "-export", "-deps", "-json=ImportPath,Export"}, public...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct{ ImportPath, Export string }
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		exports[p.ImportPath] = p.Export
	}
	imports := importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	var packages []*types.Package
	for _, path := range public {
		p, err := imports.Import(path)
		if err != nil {
			t.Fatal(err)
		}
		packages = append(packages, p)
	}
	return packages
}
