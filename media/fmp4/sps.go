package fmp4

import "fmt"

// picture is what the sequence parameter set of an H.264 stream says (ITU-T H.264,
// 7.3.2.1.1 and annex E), as far as we ask. It is read here and not by mp4ff, whose
// reader believes whatever number of HRD entries a set claims.
type picture struct {
	pixFmt     string
	interlaced bool
	transfer   int // transfer characteristics, 0 when unsaid
}

// maxSet bounds a parameter set; real ones are below a hundred bytes.
const maxSet = 4096

// h264Picture reads the first parameter set of avcC.
func (e entry) h264Picture() (picture, bool) {
	f := fields{b: e.config}
	f.skip(5)
	if e.configBox != "avcC" || f.u8()&31 == 0 {
		return picture{}, false
	}
	set := f.take(int(f.u16()))
	if f.short || len(set) < 4 || len(set) > maxSet {
		return picture{}, false
	}
	r := &bitReader{b: unescape(set[1:])}
	p := r.parameterSet()
	return p, !r.short
}

// unescape removes the emulation prevention bytes (7.4.1).
func unescape(b []byte) []byte {
	clean := make([]byte, 0, len(b))
	for i, c := range b {
		if c == 3 && i >= 2 && b[i-1] == 0 && b[i-2] == 0 {
			continue
		}
		clean = append(clean, c)
	}
	return clean
}

func (r *bitReader) parameterSet() (p picture) {
	profile := r.read(8)
	r.read(16)
	r.golomb()
	chroma, depth := 1, 8
	switch profile {
	case 100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135:
		chroma, depth = r.chroma()
	}
	p.pixFmt = [...]string{"gray", "yuv420p", "yuv422p", "yuv444p"}[chroma&3]
	if depth > 8 {
		p.pixFmt += fmt.Sprintf("%dle", depth)
	}
	r.golomb()
	r.pictureOrder()
	r.golomb()
	r.read(1)
	r.golomb()
	r.golomb()
	if r.read(1) == 0 {
		p.interlaced = true
		r.read(1)
	}
	r.read(1)
	if r.read(1) == 1 {
		for range 4 {
			r.golomb()
		}
	}
	if r.read(1) == 1 {
		p.transfer = r.transfer()
	}
	return p
}

// chroma reads what only the high profiles have.
func (r *bitReader) chroma() (format, depth int) {
	format = r.golomb()
	if format == 3 {
		r.read(1)
	}
	depth = 8 + min(r.golomb(), 8)
	r.golomb()
	r.read(1)
	if r.read(1) == 0 {
		return format, depth
	}
	lists := 8
	if format == 3 {
		lists = 12
	}
	for i := range lists {
		if r.read(1) == 0 {
			continue
		}
		size := 16
		if i >= 6 {
			size = 64
		}
		last, next := 8, 8
		for range size {
			if next != 0 {
				next = (last + r.signed() + 256) & 255
			}
			if next != 0 {
				last = next
			}
		}
	}
	return format, depth
}

func (r *bitReader) pictureOrder() {
	switch r.golomb() {
	case 0:
		r.golomb()
	case 1:
		r.read(1)
		r.golomb()
		r.golomb()
		for n := min(r.golomb(), 255); n > 0; n-- {
			r.golomb()
		}
	}
}

// transfer reads the beginning of the video usability information.
func (r *bitReader) transfer() int {
	if r.read(1) == 1 && r.read(8) == 255 {
		r.read(32)
	}
	if r.read(1) == 1 {
		r.read(1)
	}
	if r.read(1) == 0 {
		return 0
	}
	r.read(4)
	if r.read(1) == 0 {
		return 0
	}
	r.read(8)
	return r.read(8)
}

// bitReader reads bits from the highest down. Beyond the end it gives zeros and
// remembers it.
type bitReader struct {
	b     []byte
	at    int
	short bool
}

func (r *bitReader) read(n int) (v int) {
	for ; n > 0; n-- {
		if r.at >= len(r.b)*8 {
			r.short = true
			return 0
		}
		v = v<<1 | int(r.b[r.at/8]>>(7-r.at%8)&1)
		r.at++
	}
	return v
}

// golomb reads an unsigned Exp-Golomb number (9.1).
func (r *bitReader) golomb() int {
	zeros := 0
	for r.read(1) == 0 {
		if zeros++; zeros > 30 || r.short {
			r.short = true
			return 0
		}
	}
	return 1<<zeros - 1 + r.read(zeros)
}

// signed reads a signed Exp-Golomb number (9.1.1).
func (r *bitReader) signed() int {
	v := r.golomb()
	if v&1 == 1 {
		return v/2 + 1
	}
	return -v / 2
}
