// Package policy answers what the policy file says: who may have which role in which account, for
// how long, and who must approve. docs/policy.md describes the file and what it means.
//
// It promises the same answer to the same question: an answer depends on the policy, on the people
// and groups as they were known at a time, and on nothing else. Something unknown never helps
// anybody. Every Policy has passed the checks of New, so that no question makes it panic.
//
// It never reads a clock, a network or a store, and no answer depends on the order of the rules.
//
// Decide (decide.go) answers whether a person may have a role. CheckApprover and the counting of
// approvals (approve.go) say who may approve. Whom a rule means is in people.go, and which rules
// apply in evaluation.go.
package policy
