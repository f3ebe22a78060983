package coverage

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// carriers are the functions of Go tests that carry a command line out: their
// arguments, or those after the first ones, are its words.
var carriers = []string{"b", "buildah", "command", "fails", "ok", "run", "runProgram", "try"}

// GoTests gives the command lines that the Go tests of directories carry out, as
// far as the words stand in the call. A command is known by its name: what stands
// before it belongs to the function.
func GoTests(commands []string, dirs ...string) ([]Run, error) {
	var runs []Run
	for _, dir := range dirs {
		files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
		if err != nil {
			return nil, fmt.Errorf("looking for Go tests: %w", err)
		}
		for _, file := range files {
			parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
			if err != nil {
				return nil, fmt.Errorf("reading a test: %w", err)
			}
			name := filepath.Base(filepath.Dir(file)) + "/" + filepath.Base(file)
			runs = append(runs, goRuns(parsed, name, commands)...)
		}
	}
	return runs, nil
}

func goRuns(file *ast.File, name string, commands []string) []Run {
	var runs []Run
	for _, d := range file.Decls {
		f, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		ast.Inspect(f, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains(carriers, calledName(call)) {
				return true
			}
			words := goWords(call)
			start := slices.IndexFunc(words, func(w string) bool { return slices.Contains(commands, w) })
			if start >= 0 {
				refused := slices.Contains(words[:start], "125")
				runs = append(runs, Run{Test: name + ": " + f.Name.Name, Words: words[start:], Refused: refused})
			}
			return true
		})
	}
	return runs
}

func calledName(call *ast.CallExpr) string {
	switch f := call.Fun.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// goWords gives the arguments that stand there as text; others are unseen.
func goWords(call *ast.CallExpr) (words []string) {
	for _, arg := range call.Args {
		words = append(words, goWord(arg))
	}
	return words
}

func goWord(arg ast.Expr) string {
	switch a := arg.(type) {
	case *ast.BasicLit:
		if text, err := strconv.Unquote(a.Value); err == nil && a.Kind == token.STRING {
			return text
		}
		return a.Value
	case *ast.BinaryExpr: // "--flag=" + value
		if left := goWord(a.X); strings.HasPrefix(left, "-") {
			return left + unseen
		}
	}
	return unseen
}
