package imagebuildah

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/projectatomic/buildah/internal/imageconfig"
)

// settings collects the flags with which `config` makes one configuration of
// another, and does what they say to the first.
type settings struct {
	words  []string // flags, as words of the shell
	change imageconfig.Change
}

// errUnsayable is a configuration that no flags of `config` give.
var errUnsayable = errors.New("the configuration cannot be set with `buildah config`")

// settingsFor gives the flags that turn have into want. It tries them.
func settingsFor(have, want *imageconfig.Image) ([]string, error) {
	s := difference(have, want)
	got := have.Clone()
	if _, err := got.Apply(s.change); err != nil {
		return nil, err
	}
	if len(difference(&got, want).words) > 0 {
		return nil, errUnsayable
	}
	return s.words, nil
}

func difference(have, want *imageconfig.Image) *settings {
	s := &settings{}
	h, w := have.OCI.Config, want.OCI.Config
	s.text("author", &s.change.Author, have.OCI.Author, want.OCI.Author)
	s.platform(have.Platform(), want.Platform())
	p := &s.change.Process
	s.text("user", &p.User, h.User, w.User)
	s.text("shell", &p.Shell, shellLine(have.Docker.Config.Shell), shellLine(want.Docker.Config.Shell))
	s.text("stop-signal", &p.StopSignal, h.StopSignal, w.StopSignal)
	s.add("port", &s.change.Ports, keys(h.ExposedPorts), keys(w.ExposedPorts))
	s.environment(h.Env, w.Env)
	s.text("entrypoint", &p.Entrypoint, jsonList(h.Entrypoint), jsonList(w.Entrypoint))
	s.text("cmd", &p.Cmd, jsonList(h.Cmd), jsonList(w.Cmd))
	s.add("volume", &s.change.Volumes, keys(h.Volumes), keys(w.Volumes))
	s.health(have, want)
	s.labels(h.Labels, w.Labels)
	s.text("workingdir", &p.WorkDir, h.WorkingDir, w.WorkingDir)
	before, after := have.Docker.Config.OnBuild, want.Docker.Config.OnBuild
	if len(after) > len(before) && slices.Equal(before, after[:len(before)]) {
		before, after = nil, after[len(before):]
	}
	if !slices.Equal(before, after) {
		s.list("onbuild", &s.change.OnBuild, after)
	}
	return s
}

// text sets what has one value.
func (s *settings) text(flag string, to *imageconfig.Text, have, want string) {
	if have != want {
		*to = imageconfig.Set(want)
		s.words = append(s.words, flagWord(flag, want))
	}
}

// list hands values to a flag whose values are split at commas.
func (s *settings) list(flag string, to *[]string, values []string) {
	for _, v := range values {
		*to = append(*to, v)
		s.words = append(s.words, flagWord(flag, listItem(v)))
	}
}

// add adds what is missing, or begins anew where something is to go.
func (s *settings) add(flag string, to *[]string, have, want []string) {
	missing := slices.DeleteFunc(slices.Clone(want), func(v string) bool { return slices.Contains(have, v) })
	for _, v := range have {
		if !slices.Contains(want, v) {
			missing = append([]string{"-"}, want...)
			break
		}
	}
	s.list(flag, to, missing)
}

func (s *settings) platform(have, want imageconfig.Platform) {
	p := &s.change.Platform
	s.text("arch", &p.Arch, have.Arch, want.Arch)
	s.text("variant", &p.Variant, have.Variant, want.Variant)
	s.text("os", &p.OS, have.OS, want.OS)
	s.text("os-version", &p.OSVersion, have.OSVersion, want.OSVersion)
	if slices.Equal(have.OSFeatures, want.OSFeatures) {
		return
	}
	values := want.OSFeatures
	if len(have.OSFeatures) > 0 {
		values = append([]string{"-"}, values...)
	}
	p.OSFeatures = values
	for _, v := range values {
		s.words = append(s.words, flagWord("os-feature", v))
	}
}

// environment sets variables so that their order is that of want: one that is set
// becomes the last.
func (s *settings) environment(have, want []string) {
	same := 0
	for same < len(have) && same < len(want) && have[same] == want[same] {
		same++
	}
	named := map[string]bool{}
	for _, kv := range want {
		key, _ := imageconfig.KeyValue(kv)
		named[key] = true
	}
	set := func(item string) {
		s.change.Process.Env = append(s.change.Process.Env, item)
		s.words = append(s.words, flagWord("env", item))
	}
	for _, kv := range have[same:] {
		if key, _ := imageconfig.KeyValue(kv); !named[key] {
			set(key + "-")
		}
	}
	for _, kv := range want[same:] {
		key, value := imageconfig.KeyValue(kv)
		set(key + "=" + strings.ReplaceAll(value, "$", "$$"))
	}
}

func (s *settings) labels(have, want map[string]string) {
	l := &s.change.Labels
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if value, ok := have[key]; !ok || value != want[key] {
			l.Set = append(l.Set, key+"="+want[key])
			s.words = append(s.words, flagWord("label", key+"="+want[key]))
		}
	}
	var gone []string
	for _, key := range slices.Sorted(maps.Keys(have)) {
		if _, ok := want[key]; !ok {
			gone = append(gone, key)
		}
	}
	s.list("unsetlabel", &l.Unset, gone)
}

// health sets what differs from what the test alone would give.
func (s *settings) health(have, want *imageconfig.Image) {
	h, w := have.Docker.Config.Healthcheck, want.Docker.Config.Healthcheck
	c := &s.change.Health
	if w == nil {
		if h != nil {
			s.text("healthcheck", &c.Test, "x", "")
		}
		return
	}
	if h == nil || !slices.Equal(h.Test, w.Test) {
		s.text("healthcheck", &c.Test, "", shellLine(w.Test))
	}
	got := have.Clone()
	if _, err := got.Apply(imageconfig.Change{Health: *c}); err != nil {
		return // trying the whole change will tell
	}
	if h = got.Docker.Config.Healthcheck; h == nil {
		return
	}
	s.text("healthcheck-interval", &c.Interval, h.Interval.String(), w.Interval.String())
	s.text("healthcheck-timeout", &c.Timeout, h.Timeout.String(), w.Timeout.String())
	s.text("healthcheck-start-period", &c.StartPeriod, h.StartPeriod.String(), w.StartPeriod.String())
	s.text("healthcheck-start-interval", &c.StartInterval, h.StartInterval.String(), w.StartInterval.String())
	s.text("healthcheck-retries", &c.Retries, strconv.Itoa(h.Retries), strconv.Itoa(w.Retries))
}

func keys(set map[string]struct{}) []string { return slices.Sorted(maps.Keys(set)) }

// jsonList is a list as the JSON array that `config` takes exactly; none is "".
func jsonList(words []string) string {
	if len(words) == 0 {
		return ""
	}
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(words); err != nil {
		return "" // texts can always be encoded
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// shellLine is a list as a line that a shell would split into it.
func shellLine(words []string) string {
	quoted := make([]string, len(words))
	for i, w := range words {
		if quoted[i] = w; w == "" || strings.IndexFunc(w, special) >= 0 {
			quoted[i] = "'" + strings.ReplaceAll(w, "'", `'\''`) + "'"
		}
	}
	return strings.Join(quoted, " ")
}
