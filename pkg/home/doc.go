// Package home keeps what the command stores on a person's computer: which server and device it uses,
// the device's key, and the keys of sessions until they end.
//
// It promises that a file is read only if it is a plain file of the caller that nobody else can read,
// in a directory of which the same is true; that a file is written whole or not at all; and that many
// processes which need the same keys at once cause one vend. Every refusal says what to do.
//
// The package calls no network. Time is an argument, and so is the function that vends. On Windows it
// relies on the access list of %LocalAppData% and checks no permissions. macOS and Windows were not
// tried.
package home
