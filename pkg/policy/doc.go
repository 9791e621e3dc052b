// Package policy reads the policy file and answers what it says: who may have
// which role in which account, for how long, and who must agree.
//
// It promises the same answer to the same question: an answer is made of the
// policy, the people and groups as they are known at a moment, and nothing
// else. What is not known never helps. Everything that can be wrong with a
// file is found by Compile, in one run; a Policy that exists is sound. What was
// compiled is encoded, shipped and loaded: a function reads no YAML.
//
// It must never learn a clock, a network or a store, and never answer by the
// order in which rules are written.
package policy
