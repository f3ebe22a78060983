// Package manifests makes, reads and changes lists of images: OCI image indexes
// and Docker manifest lists, as records of the store.
//
// A list is a record without layers. It has two items: "manifest", the list as a
// registry would serve it, and "instances.json", which tells for each digest where
// the member is, as a reference with a transport. The list does not keep its
// members: they are images of the store, or stay at a registry until it is pushed.
package manifests
