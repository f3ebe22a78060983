package imagebuildah

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/internal/buildcache"
)

// Outcome is what the cache did for a step.
type Outcome string

// The outcomes.
const (
	Hit         Outcome = "hit"
	Miss        Outcome = "miss"
	Uncacheable Outcome = "uncacheable" // its result is not even remembered
)

// Explanation says why a step was taken from the cache, or was not.
type Explanation struct {
	Platform string  `json:"platform,omitempty"` // of the build; "" is the host's
	Stage    string  `json:"stage"`              // its name, or its number from 0
	Step     int     `json:"step"`               // as in the STEP line
	Text     string  `json:"instruction"`
	Outcome  Outcome `json:"cache"`
	Image    string  `json:"image,omitempty"`  // of a hit: the ID of the image
	Reason   string  `json:"reason,omitempty"` // of all others, in words
	// Of a miss: the first part of the key that is other than when the step was
	// carried out last, and what it was and is.
	Part   string `json:"part,omitempty"`
	Before string `json:"before,omitempty"`
	Now    string `json:"now,omitempty"`
	// Files that changed, at most [FilesTold], and how many there are.
	Files     []buildcache.FileChange `json:"files,omitempty"`
	FileCount int                     `json:"fileCount,omitempty"`

	stage int
}

// FilesTold is how many changed files an explanation names at most.
const FilesTold = 100

// Compare orders explanations of one platform as the steps are in the Dockerfile.
func (e Explanation) Compare(other Explanation) int {
	return cmp.Or(cmp.Compare(e.stage, other.stage), cmp.Compare(e.Step, other.Step))
}

// filesShown is how many of them are shown with the steps.
const filesShown = 5

// Lines word an explanation: the reason, and files that changed.
func (e Explanation) Lines() []string {
	lines := []string{shorten(e.Reason)}
	for i, f := range e.Files {
		if i == filesShown {
			return append(lines, fmt.Sprintf("and %d more", e.FileCount-i))
		}
		lines = append(lines, f.Path+": "+f.Change)
	}
	return lines
}

// shownLength bounds a line, in characters.
const shownLength = 400

func shorten(text string) string {
	text = strings.ReplaceAll(text, "\n", " ")
	if r := []rune(text); len(r) > shownLength {
		return string(r[:shownLength]) + "..."
	}
	return text
}

// explain tells of a step.
func (r *stageRun) explain(in *instruction, e Explanation) {
	if r.o.Output.Explained == nil {
		return
	}
	if p := r.o.Base.Platform; !p.IsZero() {
		e.Platform = p.String()
	}
	e.stage, e.Stage, e.Step, e.Text = r.stage.index, r.origin().stage, r.caching.at+1, stepLine(in)
	r.o.Output.Explained(e)
}

// explainMiss says why a step is carried out; armed tells whether it was looked up.
func (r *stageRun) explainMiss(ctx context.Context, in *instruction, q *question, armed bool) {
	e := Explanation{Outcome: Miss}
	switch {
	case q.key == nil, q.kept:
		e.Outcome, e.Reason = Uncacheable, q.why
	case r.o.NoCache:
		e.Reason = "nothing is looked up, with --no-cache"
	case r.anew():
		e.Reason = "nothing of its stage is looked up, with --no-cache-filter"
	case !armed:
		e.Reason = "it follows a step that was carried out"
	case q.gone != "":
		e.Reason = q.gone
	case r.o.Output.Explained != nil:
		r.compare(ctx, in, q, &e)
	}
	if e.Outcome == Miss {
		r.out.Miss(strings.Join(e.Lines(), "\n"))
	} else {
		r.out.NotCacheable(e.Reason)
	}
	r.explain(in, e)
}

// compare finds what is other than when the step was carried out last.
func (r *stageRun) compare(ctx context.Context, in *instruction, q *question, e *Explanation) {
	old, ok := nearest(r.cache.Latest(r.buildNames()...), private(in.text()), r.caching.at-1)
	if !ok {
		e.Reason = "it was not built before"
		return
	}
	entry, ok := r.cache.ByDigest(old.Key)
	if !ok {
		e.Reason = "what it came to was not kept"
		return
	}
	now := q.key
	if slices.ContainsFunc(entry.Parts, func(p buildcache.Part) bool { return strings.HasPrefix(p.Value, contentPrefix) }) {
		now = q.best()
	}
	before, after, found := firstDifference(entry.Parts, now)
	if !found {
		e.Reason = "what it came to was not kept"
		return
	}
	e.Part, e.Before, e.Now = cmp.Or(after.Name, before.Name), before.Value, after.Value
	if r.compareFiles(ctx, q, e) {
		return
	}
	switch e.Part {
	case "history":
		e.Before, e.Now = earlierSteps(entry.Config, r)
		e.Reason = changeOf("the steps before it are others", "", e.Before, e.Now)
	default:
		what := cmp.Or(partTexts[e.Part], e.Part+" is another")
		var at string
		at, e.Before, e.Now = narrow(strings.TrimPrefix(before.Value, contentPrefix), strings.TrimPrefix(after.Value, contentPrefix))
		if strings.HasPrefix(e.Part, addressPrefix) {
			what = "what is at its address is another"
		}
		at = strings.TrimPrefix(at, "annotations.org.opencontainers.image.base.")
		e.Reason = changeOf(what, at, e.Before, e.Now)
	}
}

// partTexts say what it means that a part is another.
var partTexts = map[string]string{
	"version":       "it was built by another version of buildah",
	"instruction":   "its text is another",
	"words":         "its words expand to others",
	"platform":      "the platform is another",
	"layers":        "the files before it are others",
	"configuration": "the configuration before it is another",
	"settings":      "the configuration before it is another",
	"base":          "the base image is another",
	"options":       "options about the image are others",
	"network":       "the network is another",
	"rights":        "its rights are others",
	"surroundings":  "options about commands are others",
	"documents":     "its here-documents are others",
	"arguments":     "a build argument is another",
	"ignored":       "the ignore file is another",
	"from":          "the files that it takes are others",
}

// changeOf words a difference.
func changeOf(what, at, before, now string) string {
	text := what
	if at != "" {
		text += ": " + at
	}
	if before != "" || now != "" {
		text += ": " + marked(before) + " → " + marked(now)
	}
	return text
}

// marked shows where a text begins and ends, unless it is a list or an object.
func marked(text string) string {
	if text == "" || strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{") {
		return cmp.Or(text, "nothing")
	}
	return strconv.Quote(text)
}

// compareFiles names the files that changed; false means that the part is not about
// files, or that they are not known.
func (r *stageRun) compareFiles(ctx context.Context, q *question, e *Explanation) bool {
	at := slices.IndexFunc(q.parts, func(p filePart) bool { return p.name == e.Part })
	if at < 0 || strings.HasPrefix(e.Part, addressPrefix) {
		return false
	}
	e.Reason = "the files that it takes are others"
	if strings.HasPrefix(e.Part, "mount ") {
		e.Reason = "the files that it mounts are others"
	}
	digest := strings.TrimPrefix(e.Before, contentPrefix)
	before, ok := r.cache.Files(digest)
	now := &buildcache.Files{}
	if !ok {
		return true
	}
	found, err := q.parts[at].digest(ctx, now)
	if err != nil || found != strings.TrimPrefix(e.Now, contentPrefix) {
		return true // they are being changed
	}
	e.Files = buildcache.Changes(before, now)
	e.FileCount = len(e.Files)
	e.Files = e.Files[:min(len(e.Files), FilesTold)]
	return true
}
