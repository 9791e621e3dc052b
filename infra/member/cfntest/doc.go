// Package cfntest resolves a CloudFormation template as CloudFormation does, so that
// tests see the documents that IAM would get.
//
// It knows the functions that the templates under infra use, and refuses everything
// else: macros, other sections and functions, and parameters that violate their own
// rules. It never calls AWS. It is for tests only.
package cfntest
