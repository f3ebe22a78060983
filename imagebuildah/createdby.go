package imagebuildah

import (
	"fmt"
	"slices"
	"strings"
)

// The texts in the history are a format: caches and other tools compare them
// (spec build.md, 4.4 and 4.5).

// nop is the text of a step that runs nothing.
func (r *stageRun) nop(text string) string { return "/bin/sh -c #(nop) " + text }

// verbLength is that of "RUN ", which is left out of a RUN's text.
const verbLength = 4

// runText is the text of a RUN: the ARGs it saw, and the command.
func (r *stageRun) runText(in *instruction) string {
	text := in.text()
	text = text[min(verbLength, len(text)):]
	for _, doc := range in.node.Heredocs {
		text += "\n" + strings.TrimSpace(docBody(doc))
	}
	return r.runArgs() + "/bin/sh -c " + text
}

// runArgs is "|N K=V ... ", with N the number of words in it.
func (r *stageRun) runArgs() string {
	img := r.ws.Image()
	var pairs []string
	for _, name := range r.scope.names() {
		value, set := img.Env(name)
		if !set {
			value = r.scope.values[name]
		}
		pairs = append(pairs, name+"="+value)
	}
	if len(pairs) == 0 {
		return ""
	}
	text := strings.Join(pairs, " ")
	return fmt.Sprintf("|%d %s ", len(strings.Split(text, " ")), text)
}

// meta is what options add to the text of a step.
func (r *stageRun) meta(last bool) string { return strings.Join(r.metaFields(last), "") }

// metaFields are the six parts of it, most of them empty.
func (r *stageRun) metaFields(last bool) []string {
	fields := make([]string, 6)
	o := r.o.Commit
	for _, label := range o.Metadata.UnsetLabels {
		fields[0] += "|unsetLabel=" + label
	}
	if r.o.Overrides.DropLabels {
		fields[1] = "|inheritLabels=false"
	}
	switch {
	case o.Times.Timestamp != nil:
		fields[4] = fmt.Sprintf("|force-mtime=%d", o.Times.Timestamp.Unix())
	case o.Times.Epoch != nil && o.Times.Rewrite:
		fields[4] = fmt.Sprintf("|clamp-mtime=%d", o.Times.Epoch.Unix())
	}
	if last && r.final {
		names := slices.Clone(o.Metadata.UnsetAnnotations)
		slices.Sort(names)
		for _, name := range names {
			fields[2] += "|unsetAnnotation=" + name
		}
		if r.o.Overrides.DropAnnotations {
			fields[3] = "|inheritAnnotations=false"
		}
		fields[5] = strings.Join(o.Metadata.Annotations, ",")
	}
	return fields
}
