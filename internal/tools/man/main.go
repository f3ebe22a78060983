// Command man makes manual pages of the Markdown in a directory:
//
//	go run ./internal/tools/man docs bin/man
package main

import (
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/cpuguy83/go-md2man/v2/md2man"

	"github.com/projectatomic/buildah/internal/tools/manpage"
)

func main() {
	log.SetFlags(0)
	if len(os.Args) != 3 {
		log.Fatal("usage: man SOURCE-DIRECTORY TARGET-DIRECTORY")
	}
	if err := makePages(os.Args[1], os.Args[2]); err != nil {
		log.Fatal("man: ", err)
	}
}

func makePages(source, target string) error {
	pages, err := filepath.Glob(filepath.Join(source, "*.[157].md"))
	if err != nil {
		return err
	}
	if len(pages) == 0 {
		return fmt.Errorf("no page in %q", source)
	}
	if err := os.MkdirAll(target, 0o755); err != nil {
		return fmt.Errorf("making the target directory: %w", err)
	}
	for _, page := range pages {
		text, err := manpage.Read(page)
		if err != nil {
			return err
		}
		name := filepath.Join(target, strings.TrimSuffix(filepath.Base(page), ".md"))
		if err := os.WriteFile(name, md2man.Render([]byte(text)), 0o644); err != nil {
			return fmt.Errorf("writing a manual page: %w", err)
		}
	}
	return nil
}
