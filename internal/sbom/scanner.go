// Package sbom lists what an image is made of: which commands a scanner is
// called with, and how their results become one document. It is pure: it runs
// nothing and writes no file.
package sbom

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/projectatomic/buildah/internal/suggest"
)

// The ways to put results together.
const (
	MergeCat       = "cat"
	MergeCycloneDX = "merge-cyclonedx-by-component-name-and-version"
	MergeSPDX      = "merge-spdx-by-package-name-and-versioninfo"
)

// Scanner says what looks at an image. The zero value is no scanner.
type Scanner struct {
	Image    string   // that the commands are run in
	Commands []string // with {ROOTFS}, {CONTEXT} and {OUTPUT}
	Strategy string   // how several results become one; "" is MergeCat
	Outputs  Outputs
}

// Outputs are where the results go. At least one is needed.
type Outputs struct {
	File, PURLFile           string // of this host
	ImageFile, ImagePURLFile string // in the image
}

// IsZero tells that nothing is to be scanned.
func (s Scanner) IsZero() bool { return s.Image == "" }

// presets are the scanners that have names.
func presets() map[string]Scanner {
	syft := func(format, strategy string) Scanner {
		return Scanner{Image: "ghcr.io/anchore/syft", Strategy: strategy, Commands: []string{
			"/syft scan -q dir:{ROOTFS} --output " + format + "={OUTPUT}",
			"/syft scan -q dir:{CONTEXT} --output " + format + "={OUTPUT}",
		}}
	}
	trivy := func(format, strategy string) Scanner {
		return Scanner{Image: "ghcr.io/aquasecurity/trivy", Strategy: strategy, Commands: []string{
			"trivy filesystem -q {ROOTFS} --format " + format + " --output {OUTPUT}",
			"trivy filesystem -q {CONTEXT} --format " + format + " --output {OUTPUT}",
		}}
	}
	return map[string]Scanner{
		"":                syft("cyclonedx-json", MergeCycloneDX),
		"syft":            syft("cyclonedx-json", MergeCycloneDX),
		"syft-cyclonedx":  syft("cyclonedx-json", MergeCycloneDX),
		"syft-spdx":       syft("spdx-json", MergeSPDX),
		"trivy":           trivy("cyclonedx", MergeCycloneDX),
		"trivy-cyclonedx": trivy("cyclonedx", MergeCycloneDX),
		"trivy-spdx":      trivy("spdx-json", MergeSPDX),
	}
}

// Complete checks a scanner. One that says neither image, nor command, nor
// strategy is that of the preset.
func (s Scanner) Complete(preset string) (Scanner, error) {
	named, ok := presets()[preset]
	if !ok {
		known := slices.Sorted(maps.Keys(presets()))
		return s, fmt.Errorf("unrecognized preset name %q: %s are known", preset, strings.Join(known[1:], ", "))
	}
	if s.Image == "" && len(s.Commands) == 0 && s.Strategy == "" {
		s.Image, s.Commands, s.Strategy = named.Image, named.Commands, named.Strategy
	}
	switch s.Strategy {
	case MergeCat, MergeCycloneDX, MergeSPDX:
	case "":
		if len(s.Commands) > 1 {
			return s, errors.New("several scanner commands need a merge strategy: --sbom-merge-strategy")
		}
	default:
		return s, fmt.Errorf("unrecognized merge strategy %q%s: %s, %s and %s are known", s.Strategy, suggest.Instead(s.Strategy, MergeCat, MergeCycloneDX, MergeSPDX), MergeCat, MergeCycloneDX, MergeSPDX)
	}
	switch {
	case s.Image == "" || len(s.Commands) == 0:
		return s, errors.New("sbom configuration missing one or more of --sbom-scanner-image and --sbom-scanner-command")
	case s.Outputs == Outputs{}:
		return s, errors.New("sbom configuration missing one or more of --sbom-output, --sbom-image-output, --sbom-purl-output and --sbom-image-purl-output")
	}
	return s, nil
}

// Where the container of a scanner has what it looks at, and puts its results.
const (
	RootFS = "/.rootfs"
	Scans  = "/.scans"
)

// Context is where it has the directories that the image was made from.
func Context(n int) string { return fmt.Sprintf("/.context%d", n) }

// Command is one call of the scanner.
type Command struct {
	Text   string
	Shell  bool   // the text is for a shell, otherwise it is words
	Result string // name of the file in Scans; "" if it writes none
}

// Calls gives the calls there are with so many contexts. A command that names
// neither the image nor a context is never called.
func (s Scanner) Calls(contexts int) []Command {
	var all []Command
	call := func(text, context string) {
		c := Command{Shell: strings.ContainsAny(text, "<>|")}
		if strings.Contains(text, "{OUTPUT}") {
			c.Result = fmt.Sprintf("scan%d.json", len(all))
		}
		c.Text = strings.NewReplacer("{ROOTFS}", RootFS, "{CONTEXT}", context, "{OUTPUT}", Scans+"/"+c.Result).Replace(text)
		all = append(all, c)
	}
	for _, text := range s.Commands {
		if !strings.Contains(text, "{CONTEXT}") {
			if strings.Contains(text, "{ROOTFS}") {
				call(text, "")
			}
			continue
		}
		for n := range contexts {
			call(text, Context(n))
		}
	}
	return all
}
