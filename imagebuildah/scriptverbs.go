package imagebuildah

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/builder"
	"github.com/projectatomic/buildah/copier"
	"github.com/projectatomic/buildah/internal/contexts"
	"github.com/projectatomic/buildah/internal/imageconfig"
	"github.com/projectatomic/buildah/internal/mountflag"
	"github.com/projectatomic/buildah/internal/secrets"
)

// Run writes a `run`.
func (w *scriptSpace) Run(_ context.Context, argv []string, o builder.RunOptions) error {
	if err := w.settle(); err != nil {
		return err
	}
	w.changed, w.surely = true, true
	flags, err := runFlags(o)
	if err != nil {
		return err
	}
	mounts, err := w.mountFlags(o.Mounts)
	if err != nil {
		return err
	}
	return w.verb("run", append(flags, mounts...), append([]string{"--"}, quoteAll(argv)...)...)
}

// runFlags are the options of a run, but for its mounts, as flags.
func runFlags(o builder.RunOptions) (words []string, err error) {
	one := func(flag, value string) {
		if value != "" {
			words = append(words, flagWord(flag, value))
		}
	}
	if o.Isolation != builder.IsolationDefault {
		one("isolation", o.Isolation.String())
	}
	one("runtime", o.Runtime.Name)
	for _, v := range o.Runtime.Flags {
		one("runtime-flag", listItem(v))
	}
	if o.NoHosts {
		words = append(words, "--no-hosts")
	}
	if o.NoHostname {
		words = append(words, "--no-hostname")
	}
	for _, n := range o.Namespaces {
		switch {
		case n.Name != "network" || n.Path != "":
			return nil, fmt.Errorf("a script cannot choose the namespace %q of one command", n.Name)
		case n.Host:
			one("network", "host")
		case o.Network == builder.NetworkDisabled:
			one("network", "none")
		}
	}
	if o.Mounts.DropVolumes {
		words = append(words, "--compat-volumes")
	}
	if o.Security.Insecure {
		words = append(words, "--security insecure")
	}
	one("hostname", o.Process.Hostname)
	one("user", o.Process.User)
	one("workingdir", o.Process.Workdir)
	for _, kv := range o.Process.Env {
		one("env", kv)
	}
	return words, unsaid(o)
}

// unsaid finds options that no flag was written for.
func unsaid(o builder.RunOptions) error {
	m := o.Mounts
	rest := builder.RunOptions{Security: o.Security, AddHistory: o.AddHistory, ValidCodes: o.ValidCodes}
	rest.Security.Insecure = false
	rest.Mounts = m
	rest.Mounts.Volumes, rest.Mounts.Mounts, rest.Mounts.Workdir, rest.Mounts.Context, rest.Mounts.Roots = nil, nil, "", nil, nil
	rest.Mounts.DropVolumes, rest.Mounts.Keys = false, secrets.Given{}
	if !slices.ContainsFunc(m.Mounts, func(text string) bool { return kindOf(text) == mountflag.Cache }) {
		rest.Mounts.CacheNamespace = ""
	}
	if !reflect.ValueOf(rest).IsZero() {
		return fmt.Errorf("a script cannot say all options of this command: %+v", rest)
	}
	return nil
}

// mountFlags are the mounts of a run as flags.
func (w *scriptSpace) mountFlags(m builder.MountOptions) (words []string, err error) {
	if m.Context != nil && slices.ContainsFunc(m.Mounts, fromContext) {
		words, w.uses.context = []string{`--contextdir "$context"`}, true
	}
	words = append(words, w.keyFlags(m.Mounts)...)
	for _, text := range m.Mounts {
		word, err := w.mountWord(text, m)
		if err != nil {
			return nil, err
		}
		words = append(words, "--mount "+word)
	}
	for _, text := range m.Volumes {
		host, rest, _ := strings.Cut(text, ":")
		if !strings.HasPrefix(rest, scriptDir) {
			words = append(words, flagWord("volume", text))
			continue
		}
		data, err := os.ReadFile(host)
		if err != nil {
			return nil, fmt.Errorf("reading a script: %w", err)
		}
		file, err := w.document(filepath.Base(host), string(data), 0o755)
		if err != nil {
			return nil, err
		}
		words = append(words, "--volume "+file+quote(":"+rest))
	}
	return words, nil
}

// parsed is a mount that has been parsed before.
func parsed(text string) mountflag.Mount {
	m, err := parseMount(text)
	if err != nil {
		return mountflag.Mount{}
	}
	return m.Mount
}

func kindOf(text string) mountflag.Kind { return parsed(text).Kind }

// fromContext tells whether a mount is a bind from the build context.
func fromContext(text string) bool {
	m := parsed(text)
	return m.Kind == mountflag.Bind && m.From == ""
}

// keyFlags are the flags for secrets and agents that the mounts ask for.
func (w *scriptSpace) keyFlags(mounts []string) (words []string) {
	for _, flag := range w.flags.Keys {
		wanted := mountflag.SSH
		if strings.HasPrefix(flag, "--secret=") {
			wanted = mountflag.Secret
		}
		if slices.ContainsFunc(mounts, func(text string) bool { return kindOf(text) == wanted }) {
			words = append(words, quote(flag))
		}
	}
	return words
}

// mountWord is a mount as a word: containers stand for stages, and targets are absolute.
func (w *scriptSpace) mountWord(text string, m builder.MountOptions) (string, error) {
	list, err := csv.NewReader(strings.NewReader(text)).Read()
	if err != nil {
		return "", fmt.Errorf("mount %q: %w", text, err)
	}
	var fields []string
	for _, field := range list {
		key, value, _ := strings.Cut(field, "=")
		switch strings.ToLower(key) {
		case "from":
			name, known := w.roots[m.Roots[value]]
			if !known {
				return "", fmt.Errorf("mount %q: %q is no stage and no image", text, value)
			}
			fields = append(fields, `from="$`+name+`"`)
			continue
		case "target", "dst", "destination":
			if !path.IsAbs(value) && kindOf(text) != mountflag.Secret {
				field = key + "=" + path.Join(m.Workdir, value)
			}
		}
		fields = append(fields, quote(listItem(field)))
	}
	return strings.Join(fields, ","), nil
}

// document writes a file, and gives its name as a word.
func (w *scriptSpace) document(name, body string, mode os.FileMode) (string, error) {
	w.docs++
	w.uses.temp = true
	dir := fmt.Sprintf(`"$temp"/%d`, w.docs)
	file := dir + "/" + quote(name)
	if strings.ContainsRune(name+body, 0) {
		return "", fmt.Errorf("here-document %q: a script cannot hold a null character", name)
	}
	end := "END"
	for strings.Contains("\n"+body, "\n"+end+"\n") {
		end += "_"
	}
	text := fmt.Sprintf("mkdir %s\ncat >%s <<'%s'\n%s%s", dir, file, end, body, end)
	if body != "" && !strings.HasSuffix(body, "\n") || strings.IndexFunc(body, unseen) >= 0 {
		text = fmt.Sprintf("mkdir %s\nprintf %%s %s >%s", dir, quote(body), file)
	}
	w.lines = append(w.lines, scriptLine{text: text})
	if mode&0o111 != 0 {
		w.lines = append(w.lines, scriptLine{text: fmt.Sprintf("chmod %o %s", mode, file)})
	}
	return file, nil
}

// Add writes a `copy` or an `add`.
func (w *scriptSpace) Add(_ context.Context, dest string, sources []string, o builder.AddOptions) (builder.Added, error) {
	added := builder.Added{Kind: "file", Digest: "unknown"}
	if err := w.settle(); err != nil {
		return added, err
	}
	w.linked = o.Link
	w.changed, w.surely = !o.Link, !o.Link
	if len(sources)+len(o.Inline) > 1 && !strings.HasSuffix(dest, "/") {
		dest += "/"
	}
	if o.Link && len(o.Inline) > 0 && len(sources) > 0 {
		return added, errors.New("a script cannot put here-documents and files into one linked layer: use two instructions")
	}
	if err := w.inline(dest, o); err != nil || len(sources) == 0 {
		return added, err
	}
	if _, lent := w.roots[o.Source.Root]; !lent && o.Source.KeepOwner {
		return added, errors.New("a script cannot copy from a further build context")
	}
	verb := "copy"
	if o.Extract {
		verb = "add"
	}
	words := quoteAll(relative(sources))
	return added, w.verb(verb, w.addFlags(sources, o), append(words, quote(relative([]string{dest})[0]))...)
}

// relative keeps names from being taken for flags.
func relative(names []string) []string {
	safe := slices.Clone(names)
	for i, n := range safe {
		if strings.HasPrefix(n, "-") {
			safe[i] = "./" + n
		}
	}
	return safe
}

// inline copies here-documents.
func (w *scriptSpace) inline(dest string, o builder.AddOptions) error {
	var words []string
	for _, f := range o.Inline {
		data, err := io.ReadAll(f.Content)
		if err != nil {
			return fmt.Errorf("reading a here-document: %w", err)
		}
		word, err := w.document(f.Name, string(data), 0o644)
		if err != nil {
			return err
		}
		words = append(words, word)
	}
	if len(words) == 0 {
		return nil
	}
	if o.Ownership.Chmod == "" {
		o.Ownership.Chmod = "0644"
	}
	flags := ownerFlags(o.Ownership)
	if o.Link {
		flags = append(flags, "--link")
	}
	if slices.ContainsFunc(o.Inline, func(f copier.StreamFile) bool { return hasPattern(f.Name) }) {
		flags = append(flags, "--allow-wildcard=false")
	}
	return w.verb("copy", flags, append(words, quote(relative([]string{dest})[0]))...)
}

func ownerFlags(o builder.Ownership) (words []string) {
	if o.Chown != "" {
		words = append(words, flagWord("chown", o.Chown))
	}
	if o.Chmod != "" {
		words = append(words, flagWord("chmod", o.Chmod))
	}
	return words
}

func hasPattern(name string) bool { return strings.ContainsAny(name, `*?[\`) }

// addFlags are the options of an add as flags.
func (w *scriptSpace) addFlags(sources []string, o builder.AddOptions) (words []string) {
	left, _ := o.Selection.Ignore.(*leftOut)
	if name, lent := w.roots[o.Source.Root]; lent {
		words = append(words, `--from "$`+name+`"`)
	} else {
		w.uses.context = true
		words = append(words, `--contextdir "$context"`)
		if left != nil {
			words = append(words, w.ignoreFlag(left.file)...)
		}
	}
	if o.Link {
		words = append(words, "--link")
	}
	if o.Ownership.StripSetID {
		words = append(words, "--drop-setid")
	}
	words = append(words, ownerFlags(o.Ownership)...)
	if o.Checksum != "" {
		words = append(words, flagWord("checksum", o.Checksum))
	}
	if o.Selection.Parents {
		words = append(words, "--parents")
	}
	if o.Selection.AllowEmptyGlob && slices.ContainsFunc(sources, hasPattern) {
		words = append(words, "--allow-empty-wildcard")
	}
	if left != nil {
		for _, pattern := range left.exclude {
			words = append(words, flagWord("exclude", listItem(pattern)))
		}
	}
	words = append(words, choiceFlag("unpack", o.Unpack)...)
	words = append(words, choiceFlag("keep-git-dir", o.KeepGitDir)...)
	if slices.ContainsFunc(sources, func(s string) bool { return contexts.IsURL(s) || contexts.IsGit(s) }) {
		words = append(words, quoteAll(w.flags.Fetch)...)
	}
	return words
}

func choiceFlag(name string, c builder.Choice) []string {
	switch c {
	case imageconfig.Yes:
		return []string{"--" + name}
	case imageconfig.No:
		return []string{"--" + name + "=false"}
	}
	return nil
}

// ignoreFlag names the ignore file where the verb would not find it.
func (w *scriptSpace) ignoreFlag(file string) []string {
	dir, name := filepath.Split(file)
	inside, err := filepath.Rel(w.context, file)
	switch {
	case file == "", filepath.Clean(dir) == w.context && (name == ".containerignore" || name == ".dockerignore"):
		return nil
	case err == nil && filepath.IsLocal(inside):
		return []string{`--ignorefile "$context"/` + quote(inside)}
	}
	return []string{flagWord("ignorefile", file)}
}
