package world

import "sync"

// calls counts operations.
type Calls struct {
	mu sync.Mutex
	n  map[string]int
}

func (c *Calls) Count(op string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.n == nil {
		c.n = make(map[string]int)
	}
	c.n[op]++
}

// all is a copy of the counts.
func (c *Calls) All() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make(map[string]int, len(c.n))
	for op, n := range c.n {
		out[op] = n
	}
	return out
}
