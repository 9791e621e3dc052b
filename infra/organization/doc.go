// Package organization tests the policies of an organisation that deny what the
// session policy of a grant and the boundaries of its roles cannot deny. It evaluates
// them with the fake of IAM and never calls AWS. It contains only tests.
package organization
