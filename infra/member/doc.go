// Package member tests what a member account is given: roles.yaml, and the
// Terraform module that yields the same documents. No function imports it.
package member
