package imagebuildah

import (
	"cmp"
	"context"
	"fmt"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/buildcache"
	"github.com/projectatomic/buildah/internal/imageconfig"
)

// workspace is what one stage is replayed on; tests pass a recorder.
//
// It begins as the mere state of an image. Run, Add and MakeDir need files and
// therefore start a working container; Commit makes an image of what there is
// and the workspace goes on from that image. What only sets something goes
// through Image and costs nothing.
type workspace interface {
	// Step tells of the instruction that what follows is for, and where it stands.
	Step(text string, at place)
	// Image is the live configuration, to be read and changed.
	Image() *imageconfig.Image
	Run(ctx context.Context, argv []string, o builder.RunOptions) error
	Add(ctx context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error)
	// MakeDir makes a directory with its parents where it is missing.
	MakeDir(ctx context.Context, path, owner string) error
	// Changed tells whether files were changed since the last commit.
	Changed() bool
	// Linked tells whether that was an Add with Link, which only a commit shows.
	Linked() bool
	Commit(ctx context.Context, dest string, o builder.CommitOptions) (builder.Committed, error)
	// Preview gives the ID of the image that Commit would make of a workspace
	// without changed files, and its configuration.
	Preview(o builder.CommitOptions) (id string, config []byte, err error)
	// Adopt goes on from what a step has come to before; false means that it is
	// gone. It is for workspaces without changed files.
	Adopt(ctx context.Context, r builder.Recalled) (bool, error)
	// Scan lists what the files of the workspace are, and gives the files that
	// belong in its image; the caller calls done when it was committed.
	Scan(ctx context.Context, o builder.ScanOptions) (files []builder.AddFile, done func() error, err error)
	// State is the image as it was last committed.
	State() builder.State
	// Fetch brings the image of State into the store, where it is not there yet.
	Fetch(ctx context.Context) error
	// Root lends the root file system for reading; the caller calls done.
	Root(ctx context.Context) (root *copier.Root, done func(), err error)
	// Keep leaves the working container, if there is one, to the user and gives its
	// name, for which there is a hint.
	Keep(hint string) (name string, err error)
	// Delete takes the working container away, if there is one.
	Delete(ctx context.Context) error
}

// origin says what a workspace is for, in the words of the Dockerfile.
type origin struct {
	stage    string // name or number; "" for an image that is only read
	number   string
	final    bool
	image    string // as FROM, --from or a mount name it
	platform imageconfig.Platform
	text     string // the FROM, nothing expanded
}

// origin says what the workspace is for.
func (r *stageRun) origin() origin {
	number := fmt.Sprint(r.stage.index)
	base, _ := r.baseOptions(r.stage) // baseImage has checked the platform
	return origin{
		stage: cmp.Or(r.stage.name, number), number: number, final: r.final,
		image: r.stage.image, platform: base.Platform, text: r.stage.from.text(),
	}
}

// engine starts workspaces.
type engine interface {
	// Base resolves an image and fetches it where the policy asks for it.
	Base(ctx context.Context, image string, o builder.BaseOptions) (builder.State, error)
	// Start opens a workspace on a state; nothing is made in the store yet.
	Start(st builder.State, o builder.FromOptions, from origin) workspace
	// Scratch lends a directory for writing, which itself stays as it is.
	Scratch(dir *copier.Root) (root *copier.Root, finish func() error, err error)
	// Cache is what is known of steps; nil where nothing is to be known.
	Cache() *buildcache.Cache
	// CheckNames finds names that the result could not have.
	CheckNames(names []string) error
	// Name gives a stored image its names, or copies it to another transport.
	Name(ctx context.Context, id string, names []string, o builder.CommitOptions) ([]string, error)
	// CheckMachine finds out whether this machine runs programs for a platform.
	CheckMachine(p builder.Platform) error
	lister
	// Images are the IDs of all images of the store.
	Images(ctx context.Context) (map[string]bool, error)
	// Remove deletes unnamed images that a build needed on its way.
	Remove(ctx context.Context, ids []string) error
}
