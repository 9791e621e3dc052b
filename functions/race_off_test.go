//go:build !race

package functions

// underRace says that the race detector is off.
const underRace = false
