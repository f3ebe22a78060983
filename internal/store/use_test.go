package store

import "testing"

func TestLeftUse(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		note  string
		count int
		want  bool
	}{
		"killed before the mount":      {"begins         0", 0, false},
		"killed after the mount":       {"begins         0", 1, true},
		"a user had it mounted":        {"begins         1", 1, false},
		"a user had it mounted, after": {"begins         1", 2, true},
		"somebody else came":           {"begins         0", 2, false},
		"killed while it was used":     {"holds          0", 1, true},
		"used, and gone by itself":     {"holds          0", 0, false},
		"killed before the unmount":    {"ends           1", 1, true},
		"killed after the unmount":     {"ends           1", 0, false},
		"a user goes on":               {"ends           2", 1, false},
		"killed before the first note": {"", 1, false},
	} {
		if got := leftUse(c.note, c.count); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
