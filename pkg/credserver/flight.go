package credserver

import (
	"context"
	"sync"

	"github.com/aws-access/aws-access/pkg/home"
)

// flight makes requests that need the same keys at once share one call of the source. A call goes on when
// the program that caused it hangs up, because SDKs wait for two seconds only and then ask again
// (docs/facts.md#k10).
type flight struct {
	mu      sync.Mutex
	current *call
	waits   int // programs
}

// waiting is the number of programs that wait for keys.
func (f *flight) waiting() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.waits
}

func (f *flight) leave() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.waits--
}

type call struct {
	done chan struct{} // closed when keys and err are set
	keys home.Keys
	err  error
}

// do returns what a call of the source returns, or that the program has hung up.
func (f *flight) do(serving, program context.Context, source Source) (home.Keys, error) {
	f.mu.Lock()
	f.waits++
	defer f.leave()
	c := f.current
	if c == nil {
		c = &call{done: make(chan struct{})}
		f.current = c
		go func() {
			c.keys, c.err = source(serving)
			f.mu.Lock()
			f.current = nil
			f.mu.Unlock()
			close(c.done)
		}()
	}
	f.mu.Unlock()
	select {
	case <-c.done:
		return c.keys, c.err
	case <-program.Done():
		return home.Keys{}, program.Err()
	}
}
