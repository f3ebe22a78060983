package imagebuildah

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// narrow finds the first place where two values differ. Those that are JSON are
// looked into; at says where in them, with names joined by dots.
func narrow(before, now string) (at, a, b string) {
	var x, y any
	if json.Unmarshal([]byte(before), &x) != nil || json.Unmarshal([]byte(now), &y) != nil {
		return "", before, now
	}
	path, x, y := descend(nil, x, y)
	return strings.Join(path, "."), plainValue(x), plainValue(y)
}

// descend goes to the first difference; names are taken in their order.
func descend(path []string, x, y any) (at []string, a, b any) {
	switch x := x.(type) {
	case map[string]any:
		y, ok := y.(map[string]any)
		if !ok {
			break
		}
		names := slices.Concat(slices.Collect(maps.Keys(x)), slices.Collect(maps.Keys(y)))
		slices.Sort(names)
		for _, name := range names {
			if shownValue(x[name]) != shownValue(y[name]) {
				return descend(append(path, name), x[name], y[name])
			}
		}
	case []any:
		y, ok := y.([]any)
		if !ok {
			break
		}
		for i := range max(len(x), len(y)) {
			a, b := element(x, i), element(y, i)
			if shownValue(a) == shownValue(b) {
				continue
			}
			if _, plain := a.(string); !plain && a != nil { // the number of a text says nothing to anybody
				path = append(path, strconv.Itoa(i))
			}
			return descend(path, a, b)
		}
	}
	return path, x, y
}

func element(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

// shownValue is a value as JSON; "" is one that is not there.
func shownValue(v any) string {
	if v == nil {
		return ""
	}
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(string(text))
}

// plainValue is a text as it is, and any other value as JSON.
func plainValue(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	return shownValue(v)
}

// earlierSteps finds the first step before this one that differs: in the history of
// an image that the step has made, and now.
func earlierSteps(config []byte, r *stageRun) (before, now string) {
	var image struct {
		History []struct {
			CreatedBy string `json:"created_by"`
		} `json:"history"`
	}
	if json.Unmarshal(config, &image) != nil || len(image.History) == 0 {
		return "", ""
	}
	old := image.History[:len(image.History)-1] // the last is its own
	var texts []string
	for _, h := range slices.Concat(r.ws.Image().OCI.History, r.pending) {
		texts = append(texts, h.CreatedBy)
	}
	for i := range max(len(old), len(texts)) {
		before, now = "", ""
		if i < len(old) {
			before = old[i].CreatedBy
		}
		if i < len(texts) {
			now = texts[i]
		}
		if before != now {
			return before, now
		}
	}
	return "", ""
}
