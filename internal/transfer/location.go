package transfer

import (
	"strings"

	istorage "go.podman.io/image/v5/storage"
	"go.podman.io/image/v5/transports"
)

// Location is an image of the store as a reference that says which store it is:
// lists keep such references of their members.
func (c *Client) Location(id string) (string, error) {
	ref, err := istorage.Transport.NewStoreReference(c.Store.Raw(), nil, id)
	if err != nil {
		return "", err
	}
	return transports.ImageName(ref), nil
}

// InStore tells whether a location is an image of the client's store.
func (c *Client) InStore(location string) bool {
	own, err := c.Location(strings.Repeat("0", idLength))
	if err != nil {
		return false
	}
	store, _, _ := strings.Cut(own, "]")
	return strings.HasPrefix(location, store+"]")
}

// idLength is the number of digits of an ID.
const idLength = 64
