// Package cfntest resolves a CloudFormation template as CloudFormation would,
// for the few functions that the templates under infra use, so that tests see
// the documents that IAM would be given. What it does not know it refuses: a
// macro, a nested stack, a function, a parameter that breaks its own rules.
package cfntest
