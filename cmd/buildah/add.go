package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/ignore"
)

// addFlags are the flags of `add` and `copy`.
type addFlags struct {
	options    builder.AddOptions
	registry   registryFlags
	wildcards  bool
	excludes   []string
	ignoreFile string
	quiet      bool
	layers     layersFlags
}

func (p *program) addCommand() *cli.Command {
	c := p.addOrCopy(true)
	c.Name = "add"
	c.Usage = "copy files, downloads and the content of archives into a working container"
	c.Description = "Like copy, and local archives are unpacked. A source that is a URL is fetched, not unpacked.\n" + aboutDestinations
	c.UsageText = "buildah add web site.tar.gz /var/www\nbuildah add --chown www-data web https://example.com/logo.png /var/www/"
	return c
}

func (p *program) copyCommand() *cli.Command {
	c := p.addOrCopy(false)
	c.Name = "copy"
	c.Usage = "copy files into a working container"
	c.Description = "Copies files and the contents of directories. A source may be a pattern (*, ?, [a-z], **) or a URL.\n" + aboutDestinations
	c.UsageText = "buildah copy web index.html /var/www/\nbuildah copy --from build web /out/app /usr/bin/app\nbuildah copy --contextdir . --chown 1000:1000 web src /src"
	return c
}

const aboutDestinations = "The destination is below the working directory of the container unless it is absolute, and is a\n" +
	"directory when it ends in /, when there are several sources or when the source is a directory.\n" +
	"With a single word after CONTAINER, that is the source. The digest of what was added is written."

// addOrCopy is what both commands have in common.
func (p *program) addOrCopy(isAdd bool) *cli.Command {
	f := &addFlags{wildcards: true}
	// Unlike other verbs, these do not ask containers.conf.
	f.registry.retry, f.registry.asked.retry = 3, true
	f.registry.registry.RetryDelay, f.registry.asked.delay = 2*time.Second, true
	f.options.Extract = isAdd
	f.options.AddHistory = p.historyByDefault()
	return &cli.Command{
		ArgsUsage: "CONTAINER SOURCE ... [DESTINATION]",
		Category:  containerGroup,
		Flags:     asFlags(f.own(isAdd), f.hidden(), []*option{f.layers.option(p, "take the result from the cache where it is known")}),
		Before:    takes(2, anyNumber),
		Action: func(c *cli.Context) error {
			return p.withContainer(c, c.Args().First(), func(e *builder.Engine, b *builder.Builder) error {
				return p.add(c, e, b, f)
			})
		},
	}
}

func (f *addFlags) own(isAdd bool) []*option {
	o := &f.options
	list := []*option{
		boolOption("add-history", &o.AddHistory, "add an entry to the history of the image"),
		boolOption("allow-empty-wildcard", &o.Selection.AllowEmptyGlob, "a pattern may match nothing"),
		boolOption("allow-wildcard", &f.wildcards, "patterns in sources are patterns"),
		textOption("cert-dir", "DIR", &f.registry.registry.CertDir, "use the certificates and keys in DIR"),
		textOption("checksum", "ALGORITHM:HEX", &o.Checksum, "what the content of a fetched source must be"),
		textOption("chmod", "MODE", &o.Ownership.Chmod, "mode of what is created, octal or symbolic"),
		textOption("chown", "USER[:GROUP]", &o.Ownership.Chown, "owner of what is created, by the container's own names"),
		textOption("contextdir", "DIR", &o.Source.ContextDir, "take sources from below DIR, and obey its ignore file"),
		boolOption("drop-setid", &o.Ownership.StripSetID, "drop set-user-ID and set-group-ID bits, as COPY does"),
		listOption("exclude", "PATTERN", &f.excludes, "leave out what matches, after the ignore file"),
		textOption("from", "CONTAINER|IMAGE", &o.Source.From, "take sources from another container, or from an image"),
		textOption("ignorefile", "FILE", &f.ignoreFile, "ignore file, instead of the one in --contextdir"),
		boolOption("link", &o.Link, "make a layer of its own, which is not seen in the container"),
		boolOption("no-follow-symlinks", &o.Selection.NoFollowSymlink, "copy a source that is a link as a link"),
		boolOption("quiet,q", &f.quiet, "do not write the digest"),
		newOption("retry", "N", "how often to try again when a download fails", func(s string) (err error) {
			f.registry.retry, err = parseNumber[int](s)
			return err
		}).shows("3"),
		newOption("retry-delay", "DURATION", "how long to wait before trying again", f.registry.setDelay).shows("2s"),
		newOption("timestamp", "SECONDS", "modification time of what is created, in seconds since 1970", func(s string) error {
			n, err := strconv.ParseInt(s, 10, 64)
			t := time.Unix(n, 0).UTC()
			o.Timestamp = &t
			return withoutPrefix(err)
		}),
		newOption("tls-verify", "", "insist on HTTPS with a valid certificate, or with =false do without", f.registry.setVerify).shows("as configured"),
	}
	if isAdd {
		return append(list,
			newOption("keep-git-dir", "", "keep the directory .git of a repository", choose(&o.KeepGitDir)),
			newOption("unpack", "", "unpack also what is fetched, or with =false nothing", choose(&o.Unpack)))
	}
	return append(list, boolOption("parents", &o.Selection.Parents, "keep the leading directories of sources; /./ marks where they begin"))
}

// hidden are the flags for --from IMAGE, which scripts rarely need.
func (f *addFlags) hidden() []*option {
	reg := &f.registry.registry
	list := []*option{
		textOption("authfile", "FILE", &reg.AuthFile, "read credentials from FILE"),
		textOption("blob-cache", "DIR", &reg.BlobCache, "keep blobs as they were transferred in DIR"),
		textOption("creds", "USER[:PASSWORD]", &reg.Creds, "user name and password for the registry"),
		textOption("signature-policy", "FILE", &reg.SignaturePolicy, "read policy.json from FILE"),
	}
	list = append(list, f.registry.reading()...)
	for _, o := range list {
		o.hide()
	}
	return list
}

func (p *program) add(c *cli.Context, e *builder.Engine, b *builder.Builder, f *addFlags) (err error) {
	words := c.Args().Tail()
	dest := ""
	if len(words) > 1 {
		words, dest = words[:len(words)-1], words[len(words)-1]
	}
	o := f.options
	if f.ignoreFile != "" && o.Source.ContextDir == "" {
		return usageError{text: "--ignorefile needs --contextdir"}
	}
	origins := words // what --exclude counts from
	if o.Source.ContextDir == "" && o.Source.From == "" {
		if len(f.excludes) > 0 {
			origins = append(slices.Clone(words), ".")
		}
		if origins, err = absolutePaths(origins, f.wildcards); err != nil {
			return err
		}
		words, o.Source.Cwd = origins[:len(words)], "/"
	}
	if o.Source.ContextDir != "" {
		if o.Source.ContextDir, err = filepath.Abs(o.Source.ContextDir); err != nil {
			return fmt.Errorf("finding the context directory: %w", err)
		}
	}
	o.Selection.Literal = !f.wildcards
	if err := f.exclude(&o.Selection, origins); err != nil {
		return err
	}
	if o.Source.Base.Registry, err = f.registry.settle(p, e.Config); err != nil {
		return err
	}
	o.Fetch = fetchOptions(o.Source.Base.Registry)
	p.report(e, f.quiet)
	f.layers.settle(e)
	added, err := b.Add(c.Context, dest, words, o)
	if err != nil || f.quiet || added.Digest == "" {
		return err
	}
	_, err = fmt.Fprintln(p.stdout, added.Digest)
	return err
}

// absolutePaths puts the current directory before relative paths, and leaves
// addresses alone. Nothing is cleaned: a pivot "/./" of --parents stays. In
// patterns no character of the directory's name has a meaning.
func absolutePaths(words []string, patterns bool) ([]string, error) {
	all := slices.Clone(words)
	for i, word := range words {
		if filepath.IsAbs(word) || contexts.IsURL(word) || contexts.IsGit(word) {
			continue
		}
		cwd, err := os.Getwd()
		if err != nil {
			return nil, fmt.Errorf("finding the current directory: %w", err)
		}
		if patterns {
			cwd = strings.NewReplacer("*", `\*`, "?", `\?`, "[", `\[`, `\`, `\\`).Replace(cwd)
		}
		all[i] = cwd + "/" + word
	}
	return all, nil
}

// exclude reads the ignore file of the context and --exclude.
func (f *addFlags) exclude(s *builder.Selection, sources []string) error {
	patterns, err := f.ignoreFilePatterns()
	if err != nil {
		return err
	}
	more, err := ignore.Exclude(f.excludes, sources)
	if err != nil {
		return usageError{cause: err}
	}
	if len(more) > 0 {
		if s.Exclude, err = ignore.New(more); err != nil {
			return usageError{cause: err}
		}
	}
	if patterns = append(patterns, more...); len(patterns) > 0 {
		s.Ignore, err = ignore.New(patterns)
	}
	return err
}

// ignoreFilePatterns reads the ignore file. Only a context directory has one;
// one that is named must be there.
func (f *addFlags) ignoreFilePatterns() ([]string, error) {
	if f.ignoreFile != "" {
		file, err := os.Open(f.ignoreFile)
		if err != nil {
			return nil, fmt.Errorf("opening the ignore file: %w", err)
		}
		defer file.Close()
		return ignore.Parse(file)
	}
	if f.options.Source.ContextDir == "" {
		return nil, nil
	}
	root, err := copier.OpenRoot(f.options.Source.ContextDir)
	if err != nil {
		return nil, fmt.Errorf("opening the context directory: %w", err)
	}
	defer func() { _ = root.Close() }()
	for _, name := range []string{".containerignore", ".dockerignore"} {
		data, err := root.ReadFile(name, ignore.Limit)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("reading the ignore file: %w", err)
		}
		return ignore.Parse(bytes.NewReader(data))
	}
	return nil, nil
}

// historyByDefault tells whether verbs leave an entry in the history unless told otherwise.
func (p *program) historyByDefault() bool {
	value := p.env("BUILDAH_HISTORY")
	return value == "1" || strings.EqualFold(value, "true")
}
