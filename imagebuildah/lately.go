package imagebuildah

import (
	"cmp"
	"errors"
	"strings"

	"github.com/projectatomic/buildah/internal/buildcache"
)

// buildNames are what the builds of a stage are known by: of this very context, and
// of any with the same stages, as a fresh checkout is.
func (r *stageRun) buildNames() []string {
	stage := strings.Join([]string{r.origin().stage, r.o.Base.Platform.String(), strings.Join(r.o.Source.Files, "\n")}, "\x00")
	var froms []string
	for _, s := range r.plan.stages {
		froms = append(froms, s.from.text())
	}
	return []string{stage + "\x00in\x00" + r.o.Source.Fetch.Cwd + "\x00" + r.o.Source.Context, stage + "\x00of\x00" + strings.Join(froms, "\n")}
}

// noteStep notes what a step is known by now.
func (r *stageRun) noteStep(in *instruction, q *question) {
	s := buildcache.Step{Text: private(in.text())}
	if q.key != nil {
		s.Key = q.best().Digest()
	}
	r.caching.steps = append(r.caching.steps, s)
}

// keepLatest keeps what the steps are known by. Where the build failed, those that it
// did not get to stay as they were.
func (r *stageRun) keepLatest(failed error) error {
	if !r.caches() || len(r.caching.steps) == 0 {
		return failed
	}
	steps, names := r.caching.steps, r.buildNames()
	if failed != nil {
		if old := r.cache.Latest(names...); len(old) > len(steps) {
			steps = append(steps, old[len(steps):]...)
		}
	}
	return errors.Join(failed, r.cache.KeepLatest(steps, names...))
}

// nearest finds a step of an earlier build: at its place with its text, else with its
// text nearby, else at its place.
func nearest(steps []buildcache.Step, text string, at int) (buildcache.Step, bool) {
	best := none
	for i, s := range steps {
		if s.Text == text && (best == none || abs(i-at) < abs(best-at)) {
			best = i
		}
	}
	if best == none && at < len(steps) {
		best = at
	}
	if best == none {
		return buildcache.Step{}, false
	}
	return steps[best], true
}

func abs(n int) int { return max(n, -n) }

// firstDifference gives the first part that two keys do not share.
func firstDifference(before, now buildcache.Key) (a, b buildcache.Part, found bool) {
	for i := range max(len(before), len(now)) {
		a, b = buildcache.Part{}, buildcache.Part{}
		if i < len(before) {
			a = before[i]
		}
		if i < len(now) {
			b = now[i]
		}
		if a != b {
			if a.Name != b.Name { // one of them has no such part
				a.Value = ""
			}
			return a, b, cmp.Or(a.Name, b.Name) != ""
		}
	}
	return a, b, false
}
