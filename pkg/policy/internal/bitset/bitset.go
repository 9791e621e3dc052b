// Package bitset is a set of small whole numbers, such as the indexes of roles or accounts.
//
// Sets that are combined must have the same size. A number outside of the size panics, so code
// that reads a set from outside checks it with Fits first.
package bitset

import (
	"encoding/binary"
	"math/bits"
)

// Set is a set of the numbers from 0 to size-1, one bit for each.
type Set []uint64

// New returns an empty set for the numbers from 0 to size-1.
func New(size int) Set { return make(Set, Words(size)) }

// Words is the length of a Set for the numbers from 0 to size-1.
func Words(size int) int { return (size + 63) / 64 }

// Fits reports whether s is a set for size numbers, with no number outside of them.
func (s Set) Fits(size int) bool {
	if len(s) != Words(size) {
		return false
	}
	return size%64 == 0 || s[len(s)-1]>>(size%64) == 0
}

// Add puts a number into the set.
func (s Set) Add(i int) { s[i/64] |= 1 << (i % 64) }

// Remove takes a number out of the set.
func (s Set) Remove(i int) { s[i/64] &^= 1 << (i % 64) }

// Has reports whether a number is in the set.
func (s Set) Has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// AddAll puts all numbers of another set into s.
func (s Set) AddAll(other Set) {
	for i, word := range other {
		s[i] |= word
	}
}

// RemoveAll takes all numbers of another set out of s.
func (s Set) RemoveAll(other Set) {
	for i, word := range other {
		s[i] &^= word
	}
}

// Intersect keeps only the numbers that are in the other set too.
func (s Set) Intersect(other Set) {
	for i, word := range other {
		s[i] &= word
	}
}

// Empty reports whether no number is in the set.
func (s Set) Empty() bool {
	for _, word := range s {
		if word != 0 {
			return false
		}
	}
	return true
}

// Overlaps reports whether some number is in both sets.
func (s Set) Overlaps(other Set) bool {
	for i, word := range other {
		if s[i]&word != 0 {
			return true
		}
	}
	return false
}

// Clone returns a copy of the set.
func (s Set) Clone() Set { return append(Set(nil), s...) }

// Key returns a string that is the same for equal sets only, for use as a key of a map.
func (s Set) Key() string {
	var key []byte
	for _, word := range s {
		key = binary.LittleEndian.AppendUint64(key, word)
	}
	return string(key)
}

// Each calls visit for every number in ascending order until visit returns false.
func (s Set) Each(visit func(i int) bool) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			if !visit(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
