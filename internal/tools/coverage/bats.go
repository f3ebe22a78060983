package coverage

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// Bats gives the command lines that the bats files of a directory carry out.
func Bats(dir string) ([]Run, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.bats"))
	if err != nil {
		return nil, fmt.Errorf("looking for bats files: %w", err)
	}
	var runs []Run
	for _, file := range files {
		more, err := batsFile(file)
		if err != nil {
			return nil, err
		}
		runs = append(runs, more...)
	}
	return runs, nil
}

func batsFile(file string) ([]Run, error) {
	main, err := readScript(file)
	if err != nil {
		return nil, err
	}
	functions := map[string][]statement{}
	top := main.top
	for _, name := range main.loads {
		helpers, err := readScript(filepath.Join(filepath.Dir(file), strings.TrimSuffix(name, ".bash")+".bash"))
		if err != nil {
			return nil, err
		}
		maps.Copy(functions, helpers.functions)
		top = append(helpers.top, top...)
	}
	maps.Copy(functions, main.functions)
	var runs []Run
	for _, test := range main.tests {
		known := maps.Clone(functions)
		maps.Copy(known, test.functions)
		w := &walker{functions: known, test: filepath.Base(file) + ": " + test.name}
		s := &scope{}
		s.set("BUILDAH_BINARY", ours)
		w.walk(top, block{scope: s})
		s.set("BUILDAH_BINARY", ours)
		w.walk(test.body, block{scope: s})
		runs = append(runs, w.runs...)
	}
	return runs, nil
}

func readScript(file string) (script, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return script{}, fmt.Errorf("reading a test: %w", err)
	}
	return parseScript(string(text)), nil
}
