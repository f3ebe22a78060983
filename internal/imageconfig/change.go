package imageconfig

import (
	"maps"
	"strings"
)

// Change is what one `config` call asks for. The zero value changes nothing.
type Change struct {
	Author     Text
	Comment    Text // Docker format only
	Hostname   Text // Docker format only
	Domainname Text // Docker format only
	Platform   PlatformChange
	Process    ProcessChange
	Health     HealthChange
	Ports      []string // port, "port-" removes it, what starts with "-" removes all
	Volumes    []string // path, "path-" removes it, "-" removes all
	OnBuild    []string // instructions to append; Docker format only
	Labels     KeyChange
	// Annotations are not part of an Image: [Outcome] hands them on.
	Annotations KeyChange
	History     HistoryChange
	Format      Format // that the image will have, for warnings; "" means OCI
	Lookup      Lookup // variables of the calling process, for Env items without "="
}

// Text is a setting that may be left alone, as its zero value does.
type Text struct {
	Given bool
	Value string
}

// Set is a Text that sets the value, which may be empty.
func Set(value string) Text { return Text{Given: true, Value: value} }

// PlatformChange is the part of a Change about what the image runs on.
type PlatformChange struct {
	Arch, Variant, OS, OSVersion Text
	OSFeatures                   []string // feature, "feature-" removes it, "-" removes all
}

// ProcessChange is the part of a Change about the commands of containers.
type ProcessChange struct {
	User       Text
	WorkDir    Text
	Shell      Text     // split into words; Docker format only
	StopSignal Text     // verbatim
	Entrypoint Text     // see [ParseEntrypoint]
	Cmd        Text     // see [ParseCommand]
	Env        []string // "k=v" with variables of the image expanded in v ("$$" is "$"), "k" from Lookup, "k-" removes k, "-" removes all
}

// HealthChange is the part of a Change about the health check, which only the
// Docker format has. Durations are Go's.
type HealthChange struct {
	Test          Text // split into words; blank removes the check
	Interval      Text
	Retries       Text
	StartPeriod   Text
	StartInterval Text
	Timeout       Text
}

// KeyChange is a change of labels or annotations: Set is applied before Unset for
// labels, after it for annotations, as `config` always did.
type KeyChange struct {
	Set   []string // "k=v", "k" sets the empty value, "k-" removes k, "-" removes all
	Unset []string // keys to remove
}

// HistoryChange is the part of a Change about the history.
type HistoryChange struct {
	Record    bool // ask [Image.Apply] for the texts of history entries
	CreatedBy Text // of the entry of the container's layer
	Comment   Text // of the entry of the container's layer
}

// Outcome is what a Change means for what is not part of an Image.
type Outcome struct {
	Warnings    []string  // about settings that the format drops, and the like
	History     []string  // created_by texts of entries without a layer, if asked for
	CreatedBy   Text      // of the entry of the container's layer
	Comment     Text      // of the entry of the container's layer
	Annotations KeyChange // for [KeyChange.Annotate]
}

// Annotate applies the change to annotations and gives the new ones.
func (k KeyChange) Annotate(annotations map[string]string) map[string]string {
	changed := maps.Clone(annotations)
	if changed == nil {
		changed = map[string]string{}
	}
	for _, key := range k.Unset {
		delete(changed, key)
	}
	k.edit(func() { clear(changed) }, func(key string) { delete(changed, key) }, func(key, value string) { changed[key] = value })
	return changed
}

// edit walks through Set.
func (k KeyChange) edit(clearAll func(), unset func(string), set func(string, string)) {
	for _, item := range k.Set {
		if key, value, ok := strings.Cut(item, "="); ok {
			set(key, value)
			continue
		}
		switch key, all, remove := removal(item); {
		case all:
			clearAll()
		case remove:
			unset(key)
		default:
			set(item, "")
		}
	}
}
