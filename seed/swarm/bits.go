package swarm

import "math/bits"

// bitset holds one bit per piece.
type bitset []uint64

func newBits(n int) bitset { return make(bitset, (n+63)/64) }

func (b bitset) has(i int) bool { return b[i>>6]&(1<<(i&63)) != 0 }
func (b bitset) set(i int)      { b[i>>6] |= 1 << (i & 63) }
func (b bitset) clear(i int)    { b[i>>6] &^= 1 << (i & 63) }

// missing calls do for every piece of [from, to] whose bit is not set.
func (b bitset) missing(from, to int, do func(int)) {
	for w := from >> 6; w <= to>>6; w++ {
		word := ^b[w]
		if w == from>>6 {
			word &= ^uint64(0) << (from & 63)
		}
		if w == to>>6 {
			word &= ^uint64(0) >> (63 - to&63)
		}
		for ; word != 0; word &= word - 1 {
			do(w<<6 + bits.TrailingZeros64(word))
		}
	}
}

// wire reads the w-th word of a BitTorrent bitfield (first piece in the high bit of the
// first byte); what is missing at its end counts as not set.
func wire(field []byte, w int) (word uint64) {
	for i := range 8 {
		at := w*8 + i
		if at >= len(field) {
			break
		}
		word |= uint64(bits.Reverse8(field[at])) << (8 * i)
	}
	return word
}
