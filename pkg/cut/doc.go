// Package cut ends sessions that are still alive: it denies them everything, by their names, in
// an inline policy of the IAM role that they belong to (docs/design.md#4.4).
//
// It assumes the revoker role of the member account for that, with a session policy that names
// exactly the one role whose policy it writes. It never removes a name from a policy before the
// time that stands beside the name there, whatever it is told, and it says that a deny is there
// only after it has read the policy back.
package cut
