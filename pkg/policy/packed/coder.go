package packed

import (
	"encoding/binary"
	"math"
	"time"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// coder either writes values one after the other or reads them. One description of the layout
// serves both ways, so they cannot differ. Numbers are written as varints, texts with their length
// in front.
//
// When it reads, a number must not be greater than its limit, and a text or a list must fit into
// the bytes that are left. After the first error nothing is left to read, and all values are zero.
// When it writes, it does not change the values: other goroutines may be using them.
type coder struct {
	out     []byte
	in      string
	reading bool
	bad     bool // something could not be read

	numbers      arena[int32]
	strings      arena[string]
	words        arena[uint64]
	requirements arena[policy.Requirement]
}

// fail leaves nothing to read.
func (c *coder) fail() { c.bad, c.in = true, "" }

// uvarint reads a number up to limit.
func (c *coder) uvarint(limit uint64) uint64 {
	var n uint64
	for i := 0; i < len(c.in) && i < binary.MaxVarintLen64; i++ {
		b := c.in[i]
		n |= uint64(b&0x7f) << (7 * i)
		if b >= 0x80 {
			continue
		}
		if n > limit {
			break
		}
		c.in = c.in[i+1:]
		return n
	}
	c.fail()
	return 0
}

// number is a whole number from 0 to limit, which T must be able to hold.
func number[T ~int | ~int32 | ~uint8](c *coder, n *T, limit int) {
	if !c.reading {
		c.out = binary.AppendUvarint(c.out, uint64(*n))
		return
	}
	*n = T(c.uvarint(uint64(limit))) //nolint:gosec // every limit is one that T can hold
}

func (c *coder) flag(yes *bool) {
	n := 0
	if *yes {
		n = 1
	}
	number(c, &n, 1)
	if c.reading {
		*yes = n == 1
	}
}

// length is a whole number of minutes up to policy.MaxLength.
func (c *coder) length(d *time.Duration) {
	n := int(*d / time.Minute)
	number(c, &n, int(policy.MaxLength/time.Minute))
	if c.reading {
		*d = time.Duration(n) * time.Minute
	}
}

// date is the end of a day in UTC, or the zero time.
func (c *coder) date(t *time.Time) {
	const day = int64(24 * time.Hour / time.Second)
	const lastDay = 2932897 // since 1970: the end of the year 9999
	n := 0
	if !t.IsZero() {
		n = int(t.Unix() / day)
	}
	number(c, &n, lastDay)
	if c.reading && n > 0 {
		*t = time.Unix(int64(n)*day, 0).UTC()
	}
}

// text shares the memory of what is read.
func (c *coder) text(s *string) {
	n := len(*s)
	number(c, &n, len(c.in))
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

// list is a list of entries; each is called for each one. When it reads, the memory is from the
// arena, or the list's own if the arena is nil.
func list[T any](c *coder, all *[]T, from *arena[T], each func(*T)) {
	n := len(*all)
	number(c, &n, len(c.in)) // an entry takes one byte or more
	if c.reading {
		*all = from.take(n)
	}
	for i := 0; i < len(*all) && !c.bad; i++ {
		each(&(*all)[i])
	}
}

func (c *coder) texts(all *[]string) { list(c, all, &c.strings, c.text) }

func (c *coder) indexes(all *[]int32) {
	list(c, all, &c.numbers, func(n *int32) { number(c, n, math.MaxInt32) })
}

// set is a set of numbers below size.
func (c *coder) set(s *bitset.Set, size int) {
	if !c.reading {
		for _, word := range *s {
			c.out = binary.AppendUvarint(c.out, word)
		}
		return
	}
	*s = c.words.take(bitset.Words(size))
	for i := range *s {
		(*s)[i] = c.uvarint(math.MaxUint64)
	}
}

// arena hands out parts of long slices, so that thousands of short lists cost a few allocations. A
// nil arena allocates each list by itself.
type arena[T any] struct {
	free []T
	size int // of the last long slice
}

// take returns a slice of n zero values, nil if n is 0. Appending to it never writes into another
// list.
func (a *arena[T]) take(n int) []T {
	if n == 0 {
		return nil
	}
	if a == nil {
		return make([]T, n)
	}
	if n > len(a.free) {
		a.size = max(n, 2*a.size, 64)
		a.free = make([]T, a.size)
	}
	part := a.free[:n:n]
	a.free = a.free[n:]
	return part
}
