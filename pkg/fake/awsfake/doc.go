// Package awsfake plays what a vended session meets: STS, a little of IAM and
// S3, and the console's sign-in, over HTTP and in AWS's wire formats, so that
// the AWS CLI and the SDKs work with it.
//
// It promises to refuse what AWS refuses (docs/facts.md#a to C): signatures,
// credentials, trust, permissions and limits are checked as AWS checks them,
// and what it does not know it refuses. It is for tests and the sandbox; no
// function may link it.
package awsfake
