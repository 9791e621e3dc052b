// Package lifecycle holds the steps that people and time take: submit, decide,
// cancel, end, revoke, vend, tick. Each loads the request, asks the policy, makes the
// move of pkg/access, and saves it on the version that it read. A lost race
// loads again and tries again, or tells who won.
//
// A step changes state and nothing else: whoever has to be told is told
// afterwards, from the store's stream. It must never post, and never decide
// anything that pkg/policy or pkg/access did not say.
package lifecycle
