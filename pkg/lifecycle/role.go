package lifecycle

import (
	"sync"

	"github.com/aws-access/aws-access/pkg/access"
)

// rolesAtOnce is how many roles EachRole handles at the same time.
const rolesAtOnce = 8

// EachRole calls do for each of some grants: one after the other for those of one role, because
// the moves that end them write the same cut list, and for several roles at the same time.
func EachRole[T any](all []T, role func(T) access.CutKey, do func(T)) {
	byRole := make(map[access.CutKey][]T)
	for _, one := range all {
		byRole[role(one)] = append(byRole[role(one)], one)
	}
	var running sync.WaitGroup
	slots := make(chan struct{}, rolesAtOnce)
	for _, grants := range byRole {
		slots <- struct{}{}
		running.Go(func() {
			defer func() { <-slots }()
			for _, one := range grants {
				do(one)
			}
		})
	}
	running.Wait()
}
