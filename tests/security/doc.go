// Package security attacks the program as hostile images, contexts and Dockerfiles
// would: one test for each attack, named after the number under which the world
// knows it, run as root and as an ordinary user, with an OCI runtime and without.
//
// Each attack has a canary: a directory of the host that everybody may read and
// write, so that nothing but confinement protects it. It has to stay as it was, its
// text must not come out anywhere, and nothing may be mounted there.
package security
