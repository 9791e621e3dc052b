// Package relay is the handler of the public function api: it passes the calls of
// programs to vend, and vend's answers back. docs/wire.md is the contract.
//
// It promises that vend gets exactly the bytes that were sent, and the caller exactly
// those with which vend answered; that a call whose signature is not valid, or whose
// device is unknown, expired or removed, never reaches vend; and that nothing of a call
// or an answer is logged, except the thumbprint of a device whose signature was verified.
//
// It writes nothing, decides nothing about access, and has no key, token or secret.
// An attacker who breaks into it can withhold answers, and nothing else: vend verifies each
// call anew, and signs and seals its answers to the caller.
//
// It is no part of package functions, because it would then link Slack's client, the
// policy and the SDK of DynamoDB.
package relay
