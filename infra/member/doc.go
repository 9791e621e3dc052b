// Package member tests what is deployed to member accounts: roles.yaml, and the
// Terraform module that makes the same roles and policies. It evaluates the policies
// with the fake of IAM and never calls AWS. It contains only tests.
package member
