// Package wire is what the command and the server say to each other: signed calls, signed answers,
// sealed keys, and the proof that pairs a device. docs/wire.md is its contract for other clients.
//
// It promises that the payload of a call is read only after the signature of the key that the call
// names was verified, that an answer is read only if the pinned answer key signed it for this very
// call, and that keys and links are read only from an answer that was sealed to this call. Every
// refusal has a code, and never repeats what was sent.
//
// The package is pure: time and keys are arguments. It reads no clock, no file and no network; only
// new keys, codes and calls take random bytes. It does not know which keys are registered, and does
// not notice that a call comes again: the store does, by the id of the call.
package wire
