// Package awsfake is a fake of the AWS services that a session meets: STS, the
// parts of IAM and S3 that tests need, the sign-in endpoint and the console. It
// serves HTTP in AWS's wire formats, so that the AWS CLI and the SDKs work with it.
//
// It promises to refuse what AWS refuses. Each check names its source:
//
//   - signatures: Signature Version 4, and the clock difference that AWS accepts
//     (sigv4.go);
//   - parameters and limits of AssumeRole: docs/facts.md#a1 and docs/facts.md#a3;
//   - trust policies, and the caller's own policies: docs/facts.md#a2,
//     docs/facts.md#a6 and docs/facts.md#a7;
//   - sign-in tokens and console hosts: docs/facts.md#b;
//   - inline policies that end sessions: docs/facts.md#c.
//
// A call, a parameter, a condition key or a policy element that it does not know
// is refused, never ignored: a test must not pass because of a guess.
//
// It never calls AWS, keeps everything in memory, and does not evaluate service
// control policies. It is for tests and the sandbox. No function may link it.
package awsfake
