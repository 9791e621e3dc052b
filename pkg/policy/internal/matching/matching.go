// Package matching assigns different people to requirements, such as "one of the leads and one of
// security". Both the compiler (could anybody ever fill them?) and the evaluator (are they filled?)
// use it.
package matching

// matching is a bipartite matching of people to requirements, found by augmenting paths. The order
// in which people approved therefore means nothing: nobody is used up for one requirement while
// only that person could fill another one.
type matching struct {
	can      func(requirement, person int) bool
	assigned []int // by person: the requirement that the person fills, -1 for none
	visited  []bool
}

// Assign gives each requirement as many people as it requires, as far as that is possible for all
// of them together. A person fills one requirement at most. can reports whether a person may fill
// a requirement.
//
// It returns how many people each requirement has, and whether all have enough. The sum is the
// greatest that is possible, and earlier requirements are filled first.
func Assign(required []int, people int, can func(requirement, person int) bool) (filled []int, all bool) {
	m := matching{can: can, assigned: make([]int, people), visited: make([]bool, people)}
	for i := range m.assigned {
		m.assigned[i] = -1
	}
	filled, all = make([]int, len(required)), true
	for i, count := range required {
		for range count {
			clear(m.visited)
			if !m.addOne(i) {
				all = false
				break
			}
			filled[i]++
		}
	}
	return filled, all
}

// addOne finds one more person for a requirement, and moves other people to other requirements if
// it must.
func (m *matching) addOne(requirement int) bool {
	for person, current := range m.assigned {
		if m.visited[person] || !m.can(requirement, person) {
			continue
		}
		m.visited[person] = true
		if current < 0 || m.addOne(current) {
			m.assigned[person] = requirement
			return true
		}
	}
	return false
}
