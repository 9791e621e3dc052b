package policy

import (
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/internal/matching"
)

// voices are people, each with all identities under which they appeared: one
// person has one voice.
type voices [][]access.Person

// add takes a person in, and joins what turns out to be one person.
func (v voices) add(p access.Person) voices {
	joined := []access.Person{p}
	v = slices.DeleteFunc(v, func(voice []access.Person) bool {
		same := slices.ContainsFunc(voice, p.Same)
		if same {
			joined = append(joined, voice...)
		}
		return same
	})
	return append(v, joined)
}

// assign fills the requirements of a rule with different people, see matching.Assign.
func assign(needs []Requirement, people int, can func(requirement, person int) bool) (filled []int, all bool) {
	required := make([]int, len(needs))
	for i, need := range needs {
		required[i] = need.Required
	}
	return matching.Assign(required, people, can)
}
