// Package organization tests the policies of an organisation that close what
// the session policy of a grant and the boundaries of its roles cannot. No
// function imports it.
package organization
