// Package registry runs the program against real registries, and against a proxy in
// front of one that fails and lies by plan. What may pass is tried again; what is
// corrupt is refused, and the store is then what it was before, with nothing left
// behind in it or beside it.
package registry
