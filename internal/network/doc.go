// Package network gives commands network namespaces with a way out: through a bridge
// of netavark's where we are the root of the machine, else through pasta or
// slirp4netns, which pass on what the user could send anyway.
//
// A namespace belongs to a keeper: our own binary started again, which makes it,
// has it connected, and disconnects it when our end of a socket is closed, also because
// we were killed. What a killed keeper has left is swept by the next command.
//
//	buildah ── starts ──► keeper ── netavark setup | pasta | slirp4netns
//	   └──── a socket ──────┘  plan ►
//	                           ◄ where the namespace is, its addresses
//	                           release ►
//
// Connecting and disconnecting takes longer than most commands run. So a namespace
// is used again: by the following steps of a build, and, where the machine's root
// has it, for a moment by the next command of a script. None is used by two
// commands at a time, nor after one that could have changed it.
package network
