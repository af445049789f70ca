package fmp4

import (
	"encoding/binary"
	"fmt"
	"math/bits"
	"strings"
)

// entry is the sample entry of a track: the codec's configuration.
type entry struct {
	config    []byte // payload of avcC, hvcC, av1C, vpcC or esds
	configBox string
	pasp      []byte // payload of the pixel aspect ratio box
	btrt      []byte // payload of the bit rate box
	colr      []byte // payload of the colour box
	count     int    // entries in the table; more than one cannot be copied simply
	encrypted bool
}

// readEntry parses the first entry of stsd (8.5.2).
func (s source) readEntry(t *track) error {
	stsd, ok := t.tables["stsd"]
	if !ok {
		return fmt.Errorf("%w: track %d does not say its codec", ErrFormat, t.ID)
	}
	p, err := s.payload(stsd, maxSmall)
	if err != nil {
		return err
	}
	f := fields{b: p}
	f.skip(4)
	t.entry.count = int(min(f.u32(), 1<<16))
	size := int(min(f.u32(), maxSmall))
	t.Entry = printable(f.take(4))
	body := f.take(size - 8)
	if f.short {
		if t.Kind == Video || t.Kind == Audio {
			return fmt.Errorf("%w: track %d has a broken codec entry", ErrFormat, t.ID)
		}
		return nil
	}
	t.entry.encrypted = t.Entry == "encv" || t.Entry == "enca"
	switch t.Kind {
	case Video:
		t.readVisual(body)
	case Audio:
		t.readSound(body)
	}
	t.Codec = t.codecString()
	return nil
}

// printable keeps a four-character code fit for a message.
func printable(code []byte) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r > 0x7e {
			return '?'
		}
		return r
	}, string(code))
}

func (t *track) readVisual(body []byte) {
	f := fields{b: body}
	f.skip(24)
	t.Width, t.Height = int(f.u16()), int(f.u16())
	f.skip(50)
	t.readConfig(f.b)
}

func (t *track) readSound(body []byte) {
	f := fields{b: body}
	f.skip(8)
	version := f.u16()
	f.skip(6)
	t.Channels = int(f.u16())
	f.skip(6)
	t.SampleRate = int(f.u32() >> 16)
	switch version { // QuickTime's longer forms
	case 1:
		f.skip(16)
	case 2:
		f.skip(36)
	}
	t.readConfig(f.b)
	if audio, ok := t.entry.audioConfig(); ok {
		t.Channels, t.SampleRate = audio.channels, audio.rate
	}
}

// readConfig picks the boxes we know out of a sample entry; the rest, which may name
// the camera, is left behind.
func (t *track) readConfig(b []byte) {
	for n := 0; len(b) >= 8 && n < 64; n++ {
		size := int(binary.BigEndian.Uint32(b))
		if size < 8 || size > len(b) {
			return
		}
		payload := b[8:size]
		switch kind := string(b[4:8]); kind {
		case "avcC", "hvcC", "av1C", "vpcC", "esds", "dOps", "dfLa", "dac3", "dec3":
			if t.entry.config == nil {
				t.entry.config, t.entry.configBox = payload, kind
			}
		case "wave": // QuickTime wraps esds once more
			t.readConfig(payload)
		case "pasp":
			t.entry.pasp = payload
		case "btrt":
			t.entry.btrt = payload
		case "colr":
			t.entry.colr = payload
		case "sinf":
			t.entry.encrypted = true
		}
		b = b[size:]
	}
}

// clean returns a sample entry with nothing in it but what a decoder needs.
func (t *track) clean() []byte {
	head := make([]byte, 8, 256)
	head[7] = 1 // data reference
	if t.Kind == Video {
		head = append(head, make([]byte, 16)...)
		head = binary.BigEndian.AppendUint16(head, uint16(t.Width))
		head = binary.BigEndian.AppendUint16(head, uint16(t.Height))
		head = binary.BigEndian.AppendUint32(head, 72<<16) // dots per inch, as everybody writes it
		head = binary.BigEndian.AppendUint32(head, 72<<16)
		head = append(head, 0, 0, 0, 0, 0, 1)
		head = append(head, make([]byte, 32)...) // compressor name
		head = append(head, 0, 24, 0xff, 0xff)
	} else {
		head = append(head, make([]byte, 8)...)
		head = binary.BigEndian.AppendUint16(head, uint16(t.Channels))
		head = append(head, 0, 16, 0, 0, 0, 0)
		head = binary.BigEndian.AppendUint32(head, uint32(min(t.SampleRate, 65535))<<16)
	}
	head = appendBox(head, t.entry.configBox, t.entry.config)
	// QuickTime's nclc lacks the range flag and is no ISO colour box.
	if c := t.entry.colr; len(c) == 11 && string(c[:4]) == "nclx" {
		head = appendBox(head, "colr", c)
	}
	if len(t.entry.pasp) == 8 {
		head = appendBox(head, "pasp", t.entry.pasp)
	}
	// WebKitGTK sizes its read-ahead of a plain file by these bit rates (8.5.2) and stands
	// still at the first large fragment without them.
	if len(t.entry.btrt) == 12 {
		head = appendBox(head, "btrt", t.entry.btrt)
	}
	return head
}

func appendBox(b []byte, kind string, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(payload)+8))
	return append(append(b, kind...), payload...)
}

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
