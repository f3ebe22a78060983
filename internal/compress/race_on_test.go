//go:build race

package compress

// underRace is a build with the race detector, which makes pools forget on purpose.
const underRace = true
