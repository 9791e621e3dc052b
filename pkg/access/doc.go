// Package access holds the nouns of the system and the life of a request.
//
// It promises that a request changes only by the moves in moves.go: pure
// functions of the request, the actor and the time, that return the next value
// together with the event that tells of it. It imports the standard library
// only, knows no clock, no store and no network, and must never learn one.
package access
