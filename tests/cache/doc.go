// Package cache tests the cache of steps with the real program: a table of changes
// with what they may and may not invalidate, and random Dockerfiles that are built
// with and without it.
package cache
