package imagebuildah

import (
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/parser"

	"github.com/projectatomic/buildah/internal/contexts"
)

// stepLine is an instruction as the output shows it, without passwords.
func stepLine(in *instruction) string {
	text := in.text()
	for _, doc := range in.node.Heredocs {
		body := docBody(doc)
		first, rest, _ := strings.Cut(strings.TrimSuffix(body, "\n"), "\n")
		if rest != "" {
			first += "..."
		}
		text += " (" + first + ")"
	}
	return contexts.Mask(text)
}

// docBody is the content of a here-document, without the tabs that "<<-" takes away.
func docBody(doc parser.Heredoc) string {
	if doc.Chomp {
		return parser.ChompHeredocContent(doc.Content)
	}
	return doc.Content
}
