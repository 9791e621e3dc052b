// Package lifecycle holds the steps in the life of a request: submit, decide,
// cancel, end, revoke, vend, tick. Each step loads the request, asks the policy,
// makes the move of pkg/access, and saves it on condition of the version that it
// read. If the write loses a race, the step loads again and tries again, or refuses
// and says who was first.
//
// A step changes the state and nothing else. Messages follow from the store's
// stream. A step never posts a message, and never decides anything that pkg/policy
// or pkg/access does not decide.
package lifecycle
