package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/imagebuildah"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/suggest"
	"github.com/projectatomic/buildah/internal/transfer"
)

// mistakeHints say what to do about what people get wrong first.
func mistakeHints(err error) []string {
	var (
		start *builder.StartError
		step  *imagebuildah.StepError
		short *transfer.ShortNameError
		none  *contexts.NoDockerfileError
	)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &start):
		return oneHint(startHint(start, errors.As(err, &step)))
	case errors.As(err, &short):
		return oneHint(fmt.Sprintf("write the registry, too, as in docker.io/library/%s, or name registries to search in \"unqualified-search-registries\" of registries.conf", short.Name))
	case errors.As(err, &none):
		return oneHint(dockerfileHint(none.Dir))
	case errors.Is(err, builder.ErrNameInUse):
		return oneHint("choose another --name, or `buildah rm` the container that has it")
	case errors.Is(err, copier.ErrEscapes):
		return oneHint("sources are inside the context: build with the directory above as the context, and --file for the Dockerfile")
	case errors.Is(err, unix.EROFS):
		return oneHint("that is on a file system that is read-only: --root and --runroot put the store elsewhere")
	case errors.Is(err, fs.ErrNotExist):
		return oneHint(missingHint(err))
	}
	return nil
}

func oneHint(text string) []string {
	if text == "" {
		return nil
	}
	return []string{text}
}

// startHint tells why a command may not have started: it is one word that was to be
// several, is not there, or is for another machine.
func startHint(e *builder.StartError, inBuild bool) string {
	absent := strings.Contains(e.Reason, "no such file or directory") || strings.Contains(e.Reason, "not found")
	program, _, words := strings.Cut(e.Command, " ")
	switch {
	case words && absent && !inBuild:
		return fmt.Sprintf("the whole text was taken for the name of a program: leave the quotes out, or use sh -c %q", e.Command)
	case words && absent:
		return fmt.Sprintf("in the JSON form each word is a string of its own: [%q, ...]", program)
	case strings.Contains(e.Reason, "exec format error"):
		return "the program is for another kind of machine, or a script without a line like #!/bin/sh: `buildah inspect --format '{{.OCIv1.Architecture}}'` shows what the image is for, qemu-user-static runs others"
	case absent && inBuild && e.Command == "/bin/sh":
		return "RUN needs a shell in the image, and FROM scratch has none: begin with an image that has one, or use the JSON form of RUN with a program that was copied"
	case absent:
		return fmt.Sprintf("the container has no program %q: check its spelling and PATH, or install it there first", e.Command)
	case strings.Contains(e.Reason, "permission denied"):
		return fmt.Sprintf("make the file executable: `buildah run CONTAINER chmod +x %s`, or COPY --chmod=755", e.Command)
	}
	return ""
}

// dockerfileHint looks for what was to be the Dockerfile.
func dockerfileHint(dir string) string {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return ""
	}
	for _, e := range entries {
		lower := strings.ToLower(e.Name())
		if !e.IsDir() && (strings.HasPrefix(lower, "dockerfile") || strings.HasPrefix(lower, "containerfile") || strings.HasSuffix(lower, ".dockerfile")) {
			return fmt.Sprintf("did you mean --file %q?", e.Name())
		}
	}
	return "name it with --file FILE, or the directory that it is in: buildah build DIRECTORY"
}

// missingHint looks for a file with a name like that of one that is not there.
func missingHint(err error) string {
	var (
		inside *copier.FileError
		host   *fs.PathError
	)
	switch {
	case errors.As(err, &inside):
		return cmp.Or(nearInside(inside), outsideHint(inside))
	case errors.As(err, &host) && host.Op == "stat" && filepath.IsAbs(host.Path):
		return cmp.Or(nearInside(&copier.FileError{Root: "/", Name: host.Path}))
	}
	return ""
}

// nearInside names the file in the same directory that may have been meant.
func nearInside(e *copier.FileError) string {
	root, err := copier.OpenRoot(e.Root)
	if err != nil {
		return ""
	}
	defer root.Close()
	dir, base := path.Split(e.Name)
	names, err := root.ReadDir(path.Clean("/" + dir))
	if err != nil {
		return ""
	}
	near := suggest.Nearest(base, names)
	if near == "" {
		return ""
	}
	if e.Root == "/" {
		dir = path.Join("/", dir) + "/"
	}
	return fmt.Sprintf("did you mean %q?", dir+near)
}

// outsideHint tells of a path of the host where one of the context is wanted.
func outsideHint(e *copier.FileError) string {
	if e.Root == "/" || !path.IsAbs(e.Name) {
		return ""
	}
	if _, err := os.Lstat(e.Name); err != nil {
		return ""
	}
	return fmt.Sprintf("%q is looked for inside %q, not on the host", e.Name, e.Root)
}
