// Package vend turns an approved grant into AWS sessions. It assumes the target role (assume.go, the only caller of
// STS), limits the session (policy.go), makes the console link (signin.go), and writes keys in the forms that people
// paste (keys.go). check.go tries whether target roles can be assumed, for aws-access doctor.
//
// The package promises that every session carries the id of its grant and the identity of its person, that it lasts no
// longer than the grant or the 15 minutes that STS requires at least, and that every action is denied from the end of
// the grant on. Credentials leave the package only as return values: never in an error, a log or a metric. It never
// decides who may have access.
package vend
