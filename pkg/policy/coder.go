package policy

import (
	"encoding/binary"
	"time"
)

// coder writes values one after the other, or reads them: one description of
// the form serves both ways, so that they cannot differ. Numbers are written
// as varints, texts with their length in front.
//
// When it reads it believes nothing: a number has to be below its limit, a text
// and a list have to fit into what is left. After the first thing that is wrong
// there is nothing left to read, and all values are zero. When it writes it
// changes nothing, for others may be using the policy.
type coder struct {
	out     []byte
	in      string
	reading bool
	bad     bool

	numbers shelf[int32]
	texts   shelf[string]
	words   shelf[uint64]
	needs   shelf[requirement]
}

// fail leaves nothing to read.
func (c *coder) fail() { c.bad, c.in = true, "" }

// uvarint reads a number up to most.
func (c *coder) uvarint(most uint64) uint64 {
	var n uint64
	for i := 0; i < len(c.in) && i < binary.MaxVarintLen64; i++ {
		b := c.in[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if n > most {
			break
		}
		c.in = c.in[i+1:]
		return n
	}
	c.fail()
	return 0
}

// number is a whole number below limit, zero or more.
func number[T ~int | ~int32 | ~uint8](c *coder, n *T, limit int) {
	switch {
	case !c.reading:
		c.out = binary.AppendUvarint(c.out, uint64(*n))
	case limit == 0:
		c.fail()
	default:
		*n = T(c.uvarint(uint64(limit - 1))) //nolint:gosec // every limit is one that T can hold
	}
}

func (c *coder) flag(yes *bool) {
	n := 0
	if *yes {
		n = 1
	}
	number(c, &n, 2)
	if c.reading {
		*yes = n == 1
	}
}

// length is a whole number of minutes up to maxMax, which is what the policy
// file can say.
func (c *coder) length(d *time.Duration) {
	n := int(*d / time.Minute)
	number(c, &n, int(maxMax/time.Minute)+1)
	if c.reading {
		*d = time.Duration(n) * time.Minute
	}
}

// moment is the end of a day, in UTC, or no time at all.
func (c *coder) moment(t *time.Time) {
	const lastDay = 2932897 // since 1970: the end of the year 9999
	n := 0
	if !t.IsZero() {
		n = int(t.Unix() / int64(day/time.Second))
	}
	number(c, &n, lastDay+1)
	if c.reading && n > 0 {
		*t = time.Unix(int64(n)*int64(day/time.Second), 0).UTC()
	}
}

// text shares the memory of what is read.
func (c *coder) text(s *string) {
	n := len(*s)
	number(c, &n, len(c.in)+1)
	if !c.reading {
		c.out = append(c.out, *s...)
		return
	}
	if n > len(c.in) {
		c.fail()
		return
	}
	*s, c.in = c.in[:n], c.in[n:]
}

// count is how long a list is, whose entries take one byte or more.
func (c *coder) count(n int) int {
	number(c, &n, len(c.in)+1)
	return n
}

// list is a list of entries; each is called for each one. When it reads, from
// gives the memory.
func list[T any](c *coder, all *[]T, from *shelf[T], each func(*T)) {
	n := c.count(len(*all))
	if c.reading {
		*all = from.take(n)
	}
	for i := range *all {
		each(&(*all)[i])
	}
}

// textList is a list of texts.
func (c *coder) textList(all *[]string) { list(c, all, &c.texts, c.text) }

// indexes is a list of numbers below limit.
func (c *coder) indexes(all *[]int32, limit int) {
	list(c, all, &c.numbers, func(n *int32) { number(c, n, limit) })
}

// set is a set of numbers below size.
func (c *coder) set(s *set, size int) {
	if !c.reading {
		for _, word := range *s {
			c.out = binary.AppendUvarint(c.out, word)
		}
		return
	}
	*s = c.words.take((size + 63) / 64)
	for i := range *s {
		(*s)[i] = c.uvarint(1<<min(64, size-64*i) - 1)
	}
}

// shelf hands out pieces of long lists, so that thousands of short ones cost a
// few allocations. A nil shelf hands out each list by itself.
type shelf[T any] struct {
	left []T
	size int // of the last long list
}

// take returns a list of n zero values, nil if n is 0.
func (s *shelf[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	if s == nil {
		return make([]T, n)
	}
	if n > len(s.left) {
		s.size = max(n, 2*s.size, 64)
		s.left = make([]T, s.size)
	}
	taken := s.left[:n:n]
	s.left = s.left[n:]
	return taken
}
