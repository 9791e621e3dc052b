// Package access defines a request for access, what can become of it, and every
// refusal that people read.
//
// It promises that a request changes only by the moves in moves.go. A move is a
// pure function of the request, the actor and the time. It returns the next
// request together with the event that records the change. All refusals are
// worded in refusals.go.
//
// The package imports the standard library only. It never reads a clock, a store
// or the network.
package access
