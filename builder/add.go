package builder

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/opencontainers/go-digest"

	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/rootfs"
)

// AddOptions adjusts [Builder.Add]. Each zero value is the default.
type AddOptions struct {
	Extract    bool                // `add`: local archives are unpacked, URLs are fetched
	Unpack     Choice              // with Extract: Yes unpacks downloads too, No leaves all archives packed
	KeepGitDir Choice              // .git of repositories: Default and Yes keep it, unless their address says otherwise
	Ownership  Ownership           // of what is created
	Source     Source              // where the sources are
	Selection  Selection           // which of them, and how they are named
	Link       bool                // what is added is a layer of its own, and not seen in the container
	Checksum   string              // algo:hex that a fetched source must have; the commit of a repository
	Sums       copier.Sums         // learns what is in the sources; nil learns nothing
	Each       func(copier.File)   // hears of the files that [Added.Sources] is of; nil hears nothing
	Timestamp  *time.Time          // of all that is created; nil keeps the sources' times
	Inline     []copier.StreamFile // here-documents of a Dockerfile; they are copied first
	Fetch      Fetch               // how sources are downloaded
	AddHistory bool                // record an entry of the history
}

// Ownership says whom new files belong to and what may be done with them.
type Ownership struct {
	Chown string // user[:group], names as in the container; "" means 0:0, or kept with Source.From
	Chmod string // octal or symbolic; "" keeps the sources'
	// StripSetID drops set-user-ID and set-group-ID bits, as a Dockerfile's COPY from its context does.
	StripSetID bool
}

// Source says where the sources of an add are looked up.
type Source struct {
	ContextDir string       // sources are confined to it; "" means the host's paths, relative ones below Cwd
	Cwd        string       // absolute
	From       string       // container, or image, whose root is the place
	Base       BaseOptions  // how an image in From is fetched
	Root       *copier.Root // an opened place, used instead of all the others
	KeepOwner  bool         // owners are kept; always so with From
	Never      string       // for [AddOptions.SourceDigest]: a directory that no source may hold; adding takes that of the store
}

// Selection says which files are taken.
type Selection struct {
	Ignore          copier.Excluder // of local sources; nil excludes nothing
	Exclude         copier.Excluder // of repositories, which no ignore file is about; nil excludes nothing
	Literal         bool            // names with wildcards are plain names
	AllowEmptyGlob  bool            // a pattern may match nothing
	NoFollowSymlink bool            // a link that is a source is copied as a link
	Parents         bool            // the leading directories of a source are kept
	Whole           bool            // for [AddOptions.SourceDigest]: sources count as a mount shows them
}

// Added tells what an add brought in.
type Added struct {
	Kind   string // "file", "dir", "multi", or "" for a download
	Digest string // hexadecimal sha256 of the content; "" when nothing was copied
	// Sources is the same of the sources that are files, see [AddOptions.SourceDigest].
	Sources string
	Remote  []Fetched // sources that have addresses, in their order
	Files   int
	Bytes   int64
}

// Summary is the text that stands for the content in the history: "file:HEX".
func (a Added) Summary() string {
	if a.Kind == "" {
		return a.Digest
	}
	return a.Kind + ":" + a.Digest
}

// Add copies sources to dest, by the rules of spec commands.md 3.1. An empty
// dest is the working directory.
func (b *Builder) Add(ctx context.Context, dest string, sources []string, o AddOptions) (Added, error) {
	if len(sources) == 0 && len(o.Inline) == 0 {
		return Added{}, fmt.Errorf("adding to %q: no source is given", b.Name())
	}
	if o.Link {
		if err := b.LeaveCache("a layer of --link was added"); err != nil {
			return Added{}, err
		}
	}
	w := additive{Builder: b, dest: dest, sources: sources, o: o}
	went, err := b.step(ctx, step{key: w.key, do: w.do, settle: w.settle, text: w.text})
	switch {
	case err != nil:
		return Added{}, err
	case went.hit:
		return addedAs(went.text), nil
	}
	if o.AddHistory && !o.Link && w.added.Digest != "" && !went.kept {
		b.AddHistory(History{Created: historyTime(), CreatedBy: w.text()})
		return w.added, b.Save()
	}
	return w.added, nil
}

// add copies sources, whether they are known or not.
func (b *Builder) add(ctx context.Context, dest string, sources []string, o AddOptions) (Added, error) {
	var added Added
	err := b.withRoot(func(root *copier.Root) error {
		a := adding{Builder: b, root: root, dest: dest, o: o, many: len(sources)+len(o.Inline) > 1}
		if err := a.prepare(); err != nil {
			return err
		}
		var err error
		if o.Link {
			added, err = a.link(ctx, sources)
		} else {
			added, err = a.all(ctx, sources)
		}
		return err
	})
	if err != nil {
		return Added{}, fmt.Errorf("adding to %q: %w", b.Name(), err)
	}
	return added, nil
}

func verbOf(o AddOptions) string {
	if o.Extract {
		return "ADD"
	}
	return "COPY"
}

// adding is one call of Add under way.
type adding struct {
	*Builder
	root   *copier.Root
	dest   string
	o      AddOptions
	many   bool // more than one source: the destination is a directory
	owner  *copier.Owner
	mode   *copier.ModeChange
	items  []copier.Result
	found  string // digest of the local sources
	remote []Fetched
}

// prepare resolves the ownership with the container's own passwd and group.
func (a *adding) prepare() error {
	if a.o.Ownership.Chown != "" {
		owner, err := rootfs.ResolveOwner(a.root, ownerOf(a.o.Ownership.Chown))
		if err != nil {
			return err
		}
		a.owner = &owner
	}
	if a.o.Ownership.Chmod != "" {
		mode, err := copier.ParseChmod(a.o.Ownership.Chmod)
		if err != nil {
			return err
		}
		a.mode = &mode
	}
	return nil
}

// ownerOf makes of a lone number N the owner N:N.
func ownerOf(text string) string {
	if _, err := strconv.ParseUint(text, 10, 32); err == nil {
		return text + ":" + text
	}
	return text
}

// all copies here-documents, downloads and local sources, in this order of their kinds.
func (a *adding) all(ctx context.Context, sources []string) (Added, error) {
	local, remote := splitSources(sources)
	if len(remote) > 0 && !a.o.Extract && a.o.Source.ContextDir != "" {
		return Added{}, fmt.Errorf("%q: source can't be a URL for COPY", redact(remote[0]))
	}
	if err := a.checkChecksum(local, remote); err != nil {
		return Added{}, err
	}
	for _, f := range a.o.Inline {
		if err := a.stream(ctx, f); err != nil {
			return Added{}, err
		}
		a.items[len(a.items)-1].Kind = "file" // only downloads have no kind
	}
	for _, url := range remote {
		fetch := a.download
		switch {
		case contexts.IsGit(url):
			fetch = a.repository
		case a.o.Extract && a.o.Unpack == imageconfig.Yes:
			fetch = a.unpack
		}
		if err := fetch(ctx, url); err != nil {
			return Added{}, err
		}
	}
	if len(local) > 0 {
		if err := a.local(ctx, local); err != nil {
			return Added{}, err
		}
	}
	added := combine(a.items)
	added.Sources, added.Remote = a.found, a.remote
	return added, nil
}

// checkChecksum finds checksums of what has none.
func (a *adding) checkChecksum(local, remote []string) error {
	switch {
	case a.o.Checksum == "":
		return nil
	case len(local)+len(a.o.Inline) > 0:
		return errors.New("checksum flag is not supported for local sources")
	case len(remote) > 1:
		return fmt.Errorf("checksum flag is for one source, and there are %d", len(remote))
	case contexts.IsGit(remote[0]):
		return nil // it is the commit's
	}
	if _, err := digest.Parse(a.o.Checksum); err != nil {
		return fmt.Errorf("checksum %q: %w", a.o.Checksum, err)
	}
	return nil
}

// splitSources tells paths from URLs.
func splitSources(sources []string) (local, remote []string) {
	for _, s := range sources {
		if contexts.IsURL(s) || contexts.IsGit(s) {
			remote = append(remote, s)
			continue
		}
		local = append(local, s)
	}
	return local, remote
}

// stream writes one file whose content is at hand.
func (a *adding) stream(ctx context.Context, f copier.StreamFile) error {
	if a.owner != nil {
		f.Owner = a.owner
	}
	if f.Workdir == "" {
		f.Workdir = a.workdir()
	}
	if a.mode != nil {
		f.Mode = a.mode.Apply(f.Mode, false)
	}
	if a.o.Timestamp != nil {
		f.ModTime = *a.o.Timestamp
	}
	result, err := copier.CopyStream(ctx, a.root, a.target(), f)
	if err != nil {
		return err
	}
	a.items = append(a.items, result)
	return nil
}

// target is the destination with the working directory in front; many sources
// make it a directory.
func (a *adding) target() string {
	dest := a.dest
	if a.many && !strings.HasSuffix(dest, "/") {
		dest += "/"
	}
	return dest
}

// local copies sources that are files of some root.
func (a *adding) local(ctx context.Context, sources []string) error {
	src, sources, closeSource, err := a.openSource(ctx, sources)
	if err != nil {
		return err
	}
	defer closeSource()
	o := a.copyOptions()
	o.Sums, o.Each = a.o.Sums, a.o.Each
	result, err := copier.Copy(ctx, copier.Target{Root: a.root, Path: a.target(), Workdir: a.workdir()}, src, sources, o)
	var store *copier.ForbiddenError
	if errors.As(err, &store) {
		return fmt.Errorf("%q is the store that the copy goes into, it would be copied into itself: leave it out with .containerignore or --exclude, or have it elsewhere with --root", o.Never)
	}
	if err != nil {
		return err
	}
	a.items, a.found = append(a.items, result), result.Sources
	return nil
}

func (a *adding) workdir() string {
	if dir := a.image.OCI.Config.WorkingDir; dir != "" {
		return dir
	}
	return "/"
}

// combine makes one summary of several items (spec commands.md 3.1, "Content digest").
func combine(items []copier.Result) Added {
	var added Added
	texts := make([]string, 0, len(items))
	for _, item := range items {
		added.Files += item.Files
		added.Bytes += item.Bytes
		if item.Digest == "" {
			continue
		}
		added.Kind, added.Digest = item.Kind, item.Digest
		texts = append(texts, Added{Kind: item.Kind, Digest: item.Digest}.Summary())
	}
	if len(texts) > 1 {
		sum := sha256.Sum256([]byte(strings.Join(texts, ",")))
		added.Kind, added.Digest = "multi", hex.EncodeToString(sum[:])
	}
	return added
}
