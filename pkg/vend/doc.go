// Package vend turns an approved grant into AWS sessions: it assumes the
// target role, makes the console link, and writes keys down in the forms that
// people paste.
//
// It promises that every session carries the name of its grant and its person,
// lasts no longer than STS must make it last, and is useless from the end of
// its grant on. Credentials leave it only as return values: never in an error,
// a log or a metric. It must never decide who may have access.
package vend
