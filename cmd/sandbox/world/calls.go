package world

import (
	"maps"
	"sync"
)

// Calls counts calls by operation, such as slack:chat.postMessage.
type Calls struct {
	mu sync.Mutex
	n  map[string]int
}

// Count counts one call.
func (c *Calls) Count(operation string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[operation]++
}

// All is a copy of the counts. It is never nil.
func (c *Calls) All() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		return map[string]int{}
	}
	return maps.Clone(c.n)
}
