package fmp4

import (
	"encoding/binary"
	"fmt"
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
	reordered bool // QuickTime's compressed forms and others we do not take apart
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
