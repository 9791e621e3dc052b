package policy

import (
	"encoding/binary"
	"math/bits"
)

// set is a set of small numbers: accounts or roles by their index.
type set []uint64

func newSet(size int) set { return make(set, (size+63)/64) }

func (s set) add(i int) { s[i/64] |= 1 << (i % 64) }

func (s set) has(i int) bool { return s[i/64]&(1<<(i%64)) != 0 }

// addAll, keep and drop change s by a set of the same size.
func (s set) addAll(other set) {
	for i, word := range other {
		s[i] |= word
	}
}

func (s set) keep(other set) {
	for i, word := range other {
		s[i] &= word
	}
}

func (s set) drop(other set) {
	for i, word := range other {
		s[i] &^= word
	}
}

func (s set) empty() bool {
	for _, word := range s {
		if word != 0 {
			return false
		}
	}
	return true
}

func (s set) meets(other set) bool {
	for i, word := range other {
		if s[i]&word != 0 {
			return true
		}
	}
	return false
}

func (s set) clone() set { return append(set(nil), s...) }

// key is the same for equal sets.
func (s set) key() string {
	var key []byte
	for _, word := range s {
		key = binary.LittleEndian.AppendUint64(key, word)
	}
	return string(key)
}

// each calls visit for every member, the least first, until it returns false.
func (s set) each(visit func(i int) bool) {
	for w, word := range s {
		for ; word != 0; word &= word - 1 {
			if !visit(w*64 + bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
