package sbom

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// object is a JSON object whose meaning we mostly do not know.
type object = map[string]any

// Merge makes one document of the results, in their order, and lists the package
// URLs in it. The first result is what the others are added to.
func Merge(strategy string, results [][]byte) (document, purls []byte, err error) {
	switch strategy {
	case MergeCycloneDX:
		return merge(results, []list{{key: "components", identity: []string{"name", "version"}}}, cycloneDXPURLs)
	case MergeSPDX:
		return merge(results, []list{
			{key: "packages", identity: []string{"name", "versionInfo"}},
			{key: "hasExtractedLicensingInfos", identity: []string{"licenseId"}},
		}, spdxPURLs)
	}
	purls, err = encodePURLs(nil)
	return bytes.Join(results, nil), purls, err
}

// list is an array in a document, whose entries are the same if these fields are.
type list struct {
	key      string
	identity []string
}

func merge(results [][]byte, lists []list, purlsOf func(object) []string) (document, purls []byte, err error) {
	var base object
	for i, data := range results {
		doc, err := decode(data)
		if err != nil {
			return nil, nil, fmt.Errorf("reading result %d of the scanner: %w", i+1, err)
		}
		if base == nil {
			base = doc
			continue
		}
		for _, l := range lists {
			l.add(base, doc)
		}
	}
	if document, err = encode(base); err != nil {
		return nil, nil, err
	}
	purls, err = encodePURLs(purlsOf(base))
	return document, purls, err
}

// add appends to base what only doc has.
func (l list) add(base, doc object) {
	entries := objects(base[l.key])
	seen := map[string]bool{}
	for _, entry := range entries {
		seen[l.name(entry)] = true
	}
	all, _ := base[l.key].([]any)
	for _, entry := range objects(doc[l.key]) {
		if name := l.name(entry); !seen[name] {
			seen[name] = true
			all = append(all, entry)
		}
	}
	if len(all) > 0 {
		base[l.key] = all
	}
}

func (l list) name(entry object) string {
	var name string
	for _, field := range l.identity {
		text, _ := entry[field].(string)
		name += text + "@"
	}
	return name
}

// objects are the entries of an array that are objects.
func objects(value any) []object {
	var all []object
	entries, _ := value.([]any)
	for _, entry := range entries {
		if o, ok := entry.(object); ok {
			all = append(all, o)
		}
	}
	return all
}

func cycloneDXPURLs(doc object) []string {
	var all []string
	for _, component := range objects(doc["components"]) {
		if purl, ok := component["purl"].(string); ok {
			all = append(all, purl)
		}
	}
	return all
}

func spdxPURLs(doc object) []string {
	var all []string
	for _, pkg := range objects(doc["packages"]) {
		for _, ref := range objects(pkg["externalRefs"]) {
			if purl, ok := ref["referenceLocator"].(string); ok &&
				ref["referenceCategory"] == "PACKAGE-MANAGER" && ref["referenceType"] == "purl" {
				all = append(all, purl)
			}
		}
	}
	return all
}

// encodePURLs writes each package URL once, in order.
func encodePURLs(purls []string) ([]byte, error) {
	set := map[string]bool{}
	for _, purl := range purls {
		if purl != "" {
			set[purl] = true
		}
	}
	contents := object{}
	if len(set) > 0 {
		contents["dependencies"] = slices.Sorted(maps.Keys(set))
	}
	return encode(object{"image_contents": contents})
}

// decode reads one JSON object and keeps its numbers as they are written.
func decode(data []byte) (object, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.UseNumber()
	var doc object
	if err := decoder.Decode(&doc); err != nil {
		return nil, fmt.Errorf("it is not a JSON object: %w", err)
	}
	if doc == nil || decoder.More() {
		return nil, fmt.Errorf("it is not a single JSON object")
	}
	return doc, nil
}

// encode writes compact JSON with sorted keys and a line break.
func encode(doc object) ([]byte, error) {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(doc); err != nil {
		return nil, fmt.Errorf("encoding the bill of materials: %w", err)
	}
	return out.Bytes(), nil
}
