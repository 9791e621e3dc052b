//go:build race

package functions

// underRace says that the race detector is on, which makes a story ten times slower.
const underRace = true
