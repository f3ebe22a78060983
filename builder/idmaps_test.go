package builder

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/projectatomic/buildah/copier"
)

func TestOwners(t *testing.T) {
	t.Parallel()
	m := owners{
		users:  []IDMap{{ContainerID: 0, HostID: 1000, Size: 1}, {ContainerID: 1, HostID: 100000, Size: 10}},
		groups: []IDMap{{ContainerID: 0, HostID: 2000, Size: 5}},
	}
	for _, c := range []struct{ inside, disk copier.Owner }{
		{copier.Owner{UID: 0, GID: 0}, copier.Owner{UID: 1000, GID: 2000}},
		{copier.Owner{UID: 10, GID: 4}, copier.Owner{UID: 100009, GID: 2004}},
	} {
		if got, err := m.ToHost(c.inside); err != nil || got != c.disk {
			t.Errorf("%v is %v on disk (%v), want %v", c.inside, got, err, c.disk)
		}
		if got, err := m.ToContainer(c.disk); err != nil || got != c.inside {
			t.Errorf("%v is %v inside (%v), want %v", c.disk, got, err, c.inside)
		}
	}
	for _, o := range []copier.Owner{{UID: 11}, {UID: 0, GID: 5}} {
		if got, err := m.ToHost(o); err == nil {
			t.Errorf("%v, which has no id, is %v on disk", o, got)
		}
	}
	if got, err := m.ToContainer(copier.Owner{UID: 0, GID: 0}); err == nil {
		t.Errorf("root of the host is %v inside", got)
	}
}

func TestOwnUserNamespace(t *testing.T) {
	t.Parallel()
	maps := IDMappingOptions{UIDMap: []IDMap{{Size: 1}}}
	for name, c := range map[string]struct {
		x    Execution
		want bool
	}{
		"nothing said": {Execution{}, false},
		"maps":         {Execution{IDMappingOptions: maps}, true},
		"host":         {Execution{NamespaceOptions: []Namespace{{Name: "user", Host: true}}}, false},
		"private":      {Execution{NamespaceOptions: []Namespace{{Name: "pid"}, {Name: "user"}}}, true},
		"found later":  {Execution{IDMappingOptions: IDMappingOptions{AutoUserNs: true}}, true},
	} {
		if got := c.x.OwnUserNamespace(); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The switches of the record say what the maps do.
func TestSettleMaps(t *testing.T) {
	t.Parallel()
	none, mapped, auto := IDMappingOptions{}, IDMappingOptions{UIDMap: []IDMap{{Size: 1}}, GIDMap: []IDMap{{Size: 1}}}, IDMappingOptions{AutoUserNs: true}
	var got []bool
	for _, o := range []*IDMappingOptions{&none, &mapped, &auto} {
		o.settle()
		got = append(got, o.HostUIDMapping, o.HostGIDMapping)
	}
	if diff := cmp.Diff([]bool{true, true, false, false, false, false}, got); diff != "" {
		t.Error(diff)
	}
}
