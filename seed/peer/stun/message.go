package stun

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
)

// What a message begins with (RFC 8489, section 5): its kind in two bytes, the length of
// its attributes in two, the cookie, and an id of twelve bytes that the answer repeats.
const (
	headerSize = 20
	idAt       = 8
	cookie     = "\x21\x12\xa4\x42"

	bindingRequest = 0x0001
	bindingSuccess = 0x0101
)

// Attributes that are looked at or written (RFC 8489, section 14).
const (
	username         = 0x0006
	xorMappedAddress = 0x0020
	firstOptional    = 0x8000 // whoever knows no attribute below this may not answer
)

// Request returns a new binding request.
func Request() []byte {
	packet := header(bindingRequest, 0, nil)
	_, _ = rand.Read(packet[idAt:]) // it never fails
	return packet
}

// Answers reports whether packet says that request was understood.
func Answers(packet, request []byte) bool {
	kind, _, ok := read(packet)
	return ok && kind == bindingSuccess && bytes.Equal(packet[4:headerSize], request[4:headerSize])
}

func header(kind, length uint16, id []byte) []byte {
	packet := binary.BigEndian.AppendUint16(make([]byte, 0, headerSize+24), kind)
	packet = append(binary.BigEndian.AppendUint16(packet, length), cookie...)
	return append(packet, id...)[:headerSize]
}

// read takes packet apart as far as we care: its kind, and the kinds of its attributes. It
// must be one message and nothing else.
func read(packet []byte) (kind uint16, attributes []uint16, ok bool) {
	if len(packet) < headerSize || packet[0]&0xc0 != 0 || string(packet[4:idAt]) != cookie {
		return 0, nil, false
	}
	rest := packet[headerSize:]
	if int(binary.BigEndian.Uint16(packet[2:])) != len(rest) {
		return 0, nil, false
	}
	for len(rest) > 0 {
		if len(rest) < 4 {
			return 0, nil, false
		}
		attributes = append(attributes, binary.BigEndian.Uint16(rest))
		size := 4 + (int(binary.BigEndian.Uint16(rest[2:]))+3)&^3 // a value is padded to four bytes
		if len(rest) < size {
			return 0, nil, false
		}
		rest = rest[size:]
	}
	return binary.BigEndian.Uint16(packet), attributes, true
}

// success returns the answer to request, which tells where it came from. The address is
// masked with what the request began with, so that no router translates it on the way.
func success(request []byte, from netip.AddrPort) []byte {
	ip, family := from.Addr().AsSlice(), byte(1)
	if from.Addr().Is6() {
		family = 2
	}
	mask := request[4:headerSize]
	packet := header(bindingSuccess, uint16(8+len(ip)), request[idAt:headerSize])
	packet = binary.BigEndian.AppendUint16(packet, xorMappedAddress)
	packet = binary.BigEndian.AppendUint16(packet, uint16(4+len(ip)))
	packet = append(packet, 0, family)
	packet = binary.BigEndian.AppendUint16(packet, from.Port()^binary.BigEndian.Uint16(mask))
	for i, b := range ip {
		packet = append(packet, b^mask[i])
	}
	return packet
}
