package transfer

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"go.podman.io/image/v5/docker/reference"
	"go.podman.io/image/v5/manifest"
)

// fromList pulls the member for the platform of a list of the store, from where the
// list says that it is. false means that there is no such list.
func (j *pullJob) fromList(ctx context.Context, name string) (p Pulled, done bool, err error) {
	if j.o.AllTags || j.o.Policy == PullNever || j.o.Policy != PullMissing && !j.byPlatform {
		return p, false, nil
	}
	m, err := j.c.find(name, LookupOptions{Lists: true})
	if err != nil || !m.img.IsList() {
		return p, false, nil //nolint:nilerr // what is wrong with the name is told by whoever looks elsewhere
	}
	place, err := j.memberPlace(m)
	if err != nil {
		// A registry may have a newer list of that name; none has what was made here.
		return p, strings.HasPrefix(m.name, localhost), fmt.Errorf("list %q: %w", name, err)
	}
	t, rest := splitTransport(place)
	switch {
	case t == nil:
		return p, true, fmt.Errorf("list %q: the place %q of its member for this platform is none that is known", name, place)
	case t.Name() == registryTransport:
		named, err := reference.ParseNormalizedNamed(strings.TrimPrefix(rest, "//"))
		if err != nil {
			return p, true, err
		}
		p, err = j.fromRegistry(ctx, named, nil)
		return p, true, err
	case t.Name() == archiveTransport:
		p, err = j.fromDockerArchive(ctx, t, rest)
	default:
		p, err = j.fromElsewhere(ctx, t, rest)
	}
	return p, true, err
}

// memberPlace is where the member of a list for the platform is.
func (j *pullJob) memberPlace(m match) (string, error) {
	items, err := j.c.Store.ListItems(m.img.ID)
	if err != nil {
		return "", err
	}
	chosen, err := chooseMembers(items.Manifest, manifest.GuessMIMEType(items.Manifest), j.sys, false)
	if err != nil {
		return "", err
	}
	var places map[string]string
	if len(items.Instances) > manifestLimit || json.Unmarshal(items.Instances, &places) != nil {
		return "", fmt.Errorf("what says where its members are cannot be read")
	}
	place := places[chosen[0].String()]
	if place == "" || j.c.InStore(place) {
		return "", fmt.Errorf("its member %q for this platform is not in the store any more", chosen[0])
	}
	return place, nil
}
