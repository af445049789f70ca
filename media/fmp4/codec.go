package fmp4

import (
	"fmt"
	"math/bits"
	"strings"
)

// codecString names the codec as RFC 6381 and the codecs' own documents say.
func (t *track) codecString() string {
	c := t.entry.config
	switch {
	case t.entry.configBox == "avcC" && len(c) >= 4:
		name := t.Entry
		if name != "avc3" {
			name = "avc1"
		}
		return fmt.Sprintf("%s.%02x%02x%02x", name, c[1], c[2], c[3])
	case t.entry.configBox == "hvcC" && len(c) >= 13:
		return hevcString(t.Entry, c)
	case t.entry.configBox == "av1C" && len(c) >= 4:
		return av1String(c)
	case t.entry.configBox == "vpcC" && len(c) >= 7:
		return fmt.Sprintf("%s.%02d.%02d.%02d", t.Entry, c[4], c[5], c[6]>>4)
	case t.entry.configBox == "esds":
		return t.entry.mpeg4String()
	case t.Entry == "Opus":
		return "opus"
	case t.Entry == "fLaC":
		return "flac"
	}
	return strings.TrimSpace(t.Entry)
}

// hevcString follows ISO/IEC 14496-15, annex E.3.
func hevcString(name string, c []byte) string {
	space := [...]string{"", "A", "B", "C"}[c[1]>>6]
	tier := "L"
	if c[1]&0x20 != 0 {
		tier = "H"
	}
	compat := bits.Reverse32(uint32(c[2])<<24 | uint32(c[3])<<16 | uint32(c[4])<<8 | uint32(c[5]))
	s := fmt.Sprintf("%s.%s%d.%X.%s%d", name, space, c[1]&31, compat, tier, c[12])
	constraints := c[6:12]
	for len(constraints) > 0 && constraints[len(constraints)-1] == 0 {
		constraints = constraints[:len(constraints)-1]
	}
	for _, b := range constraints {
		s += fmt.Sprintf(".%X", b)
	}
	return s
}

// av1String follows the AV1 ISO media file format binding, section 5.
func av1String(c []byte) string {
	tier, depth := "M", 8
	if c[2]&0x80 != 0 {
		tier = "H"
	}
	switch {
	case c[2]&0x60 == 0x60:
		depth = 12
	case c[2]&0x40 != 0:
		depth = 10
	}
	return fmt.Sprintf("av01.%d.%02d%s.%02d", c[1]>>5, c[1]&31, tier, depth)
}

// audioConfig is what an AudioSpecificConfig says (ISO/IEC 14496-3, 1.6.2.1).
type audioConfig struct {
	object, rate, channels int
}

// mpeg4String names what an esds box holds: "mp4a.40.2", or "mp4a.6b" for MP3.
func (e entry) mpeg4String() string {
	kind, _ := e.descriptor()
	if kind != 0x40 {
		return fmt.Sprintf("mp4a.%02x", kind)
	}
	if c, ok := e.audioConfig(); ok {
		return fmt.Sprintf("mp4a.40.%d", c.object)
	}
	return "mp4a.40"
}

// descriptor walks ES, DecoderConfig and DecoderSpecificInfo (ISO/IEC 14496-1, 7.2.6)
// and returns the object type and the specific configuration.
func (e entry) descriptor() (kind byte, specific []byte) {
	if len(e.config) < 4 || e.configBox != "esds" {
		return 0, nil
	}
	f := fields{b: e.config[4:]}
	for n := 0; n < 8 && !f.short; n++ {
		tag := f.u8()
		size := 0
		for i := 0; i < 4; i++ {
			b := f.u8()
			size = size<<7 | int(b&0x7f)
			if b&0x80 == 0 {
				break
			}
		}
		switch tag {
		case 3:
			f.skip(2)
			flags := f.u8()
			if flags&0x80 != 0 {
				f.skip(2)
			}
			if flags&0x40 != 0 {
				f.skip(int(f.u8()))
			}
			if flags&0x20 != 0 {
				f.skip(2)
			}
		case 4:
			kind = f.u8()
			f.skip(12)
		case 5:
			return kind, f.take(min(size, len(f.b)))
		default:
			f.skip(size)
		}
	}
	return kind, nil
}

func (e entry) audioConfig() (audioConfig, bool) {
	kind, b := e.descriptor()
	if kind != 0x40 || len(b) < 2 {
		return audioConfig{}, false
	}
	rates := [...]int{96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350}
	r := bitReader{b: b}
	c := audioConfig{object: r.read(5)}
	if c.object == 31 {
		c.object = 32 + r.read(6)
	}
	if i := r.read(4); i < len(rates) {
		c.rate = rates[i]
	} else if i == 15 {
		c.rate = r.read(24)
	}
	c.channels = r.read(4)
	if c.channels == 7 {
		c.channels = 8
	}
	return c, !r.short && c.rate > 0 && c.channels > 0 && c.channels <= 8
}
