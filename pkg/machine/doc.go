// Package machine finds out which machine calls. A machine in AWS proves itself by a call of
// sts:GetCallerIdentity that it has signed and not sent, and a pipeline by a token of its issuer.
//
//	hosts.go     the STS endpoints that are asked, by Region
//	call.go      the call: what a machine signs, and what is sent, made by the same function
//	identity.go  sends the call, and reads who signed it
//	tokens.go    checks the token of a pipeline: issuer, audience, times, signature
//	keys.go      reads the keys of an issuer, and keeps them for an hour
//	token.go     the run that a token describes
//
// The package promises that STS is asked exactly one question, at one of the endpoints of its own
// list: who signed this call, which names this installation and the key that signed the message. The
// machine chooses a Region, a time, a session token, the id of a key and a signature, each of a strict
// form, and nothing else of the call. Every other part is made here and never copied from what a
// machine sent: HashiCorp Vault checked a call that its caller had made, and what was not checked was
// a way in (CVE-2020-16250, docs/facts.md#j1).
//
// Only an issuer that the policy names is asked for its keys, over https, and not before the token fits in
// everything else. The library go-oidc is not used: it reads the keys again for every unknown one, reads
// answers of any length, and keeps keys for ever (docs/facts.md#j3).
//
// It never returns a machine if anything is unclear, and no error of it repeats a token, a signature
// or a part of an answer.
package machine
