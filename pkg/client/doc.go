// Package client calls the server of docs/wire.md: for a device of a person, or for a machine.
//
// It promises that it returns an answer only if the pinned key signed it for this very call, and that
// errors about any other answer have fixed words of this package. It repeats a call whose answer was
// lost with the same bytes, so that the call has one effect. It follows no redirect, and speaks plain
// http to this computer only.
//
// It never writes a file, and never logs. Tokens and signed calls stand in no error.
package client
