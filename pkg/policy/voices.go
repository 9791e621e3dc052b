package policy

import (
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
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

// matching fills requirements with different people. It is a bipartite
// matching, found by augmenting paths, so the order in which people said yes
// means nothing: no yes is wasted on one requirement while another needs it.
type matching struct {
	can    func(requirement, voice int) bool
	fills  []int // for each voice the requirement that it fills, -1 for none
	filled []int // for each requirement how many voices fill it
	tried  []bool
}

// match fills each requirement with as many voices as it needs, as far as that
// is possible for all of them together, and tells how many each one has.
// Earlier requirements are filled first; the sum is the greatest possible.
func match(needs []requirement, count int, can func(requirement, voice int) bool) (filled []int, all bool) {
	m := matching{can: can, fills: make([]int, count), filled: make([]int, len(needs)), tried: make([]bool, count)}
	for i := range m.fills {
		m.fills[i] = -1
	}
	all = true
	for i, need := range needs {
		for range need.need {
			clear(m.tried)
			if !m.fill(i) {
				all = false
				break
			}
			m.filled[i]++
		}
	}
	return m.filled, all
}

// fill finds one more voice for a requirement, moving others if need be.
func (m *matching) fill(requirement int) bool {
	for voice, has := range m.fills {
		if m.tried[voice] || !m.can(requirement, voice) {
			continue
		}
		m.tried[voice] = true
		if has < 0 || m.fill(has) {
			m.fills[voice] = requirement
			return true
		}
	}
	return false
}
