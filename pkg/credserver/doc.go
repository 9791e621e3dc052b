// Package credserver gives the keys of sessions to programs on this computer, as AWS's container credentials
// do: each role has a name, an address and a token of its own.
//
// It promises that it listens on a loopback address or on 169.254.170.2 and nowhere else; that keys go only to
// a GET with the token of their own name, which is compared in constant time; that a page in a browser gets
// nothing, whatever name of a host it uses; and that a token stands in a file that only the caller can read,
// and in no address, output, error or log. It keeps no keys: it asks its source each time.
package credserver
