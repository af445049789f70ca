package doctor

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	typeCAA   = dnsmessage.Type(257) // RFC 8659
	maxAnswer = 64 << 10
)

// errNoResolver means that this machine has none, or does not say.
var errNoResolver = errors.New("no resolver is named in /etc/resolv.conf")

// reply is what a resolver answers.
type reply struct {
	code    dnsmessage.RCode
	answers []dnsmessage.Resource
}

// resolverAddress is where this machine asks for names.
func (w *world) resolverAddress() (string, error) {
	if w.Resolver != "" {
		return w.Resolver, nil
	}
	for line := range strings.Lines(w.read("etc/resolv.conf")) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "nameserver" {
			return net.JoinHostPort(f[1], "53"), nil
		}
	}
	return "", errNoResolver
}

// ask asks the machine's resolver. What does not fit into a packet is asked for over TCP.
func (w *world) ask(ctx context.Context, network, name string, kind dnsmessage.Type) (reply, error) {
	server, err := w.resolverAddress()
	if err != nil {
		return reply{}, err
	}
	question, id, err := query(name, kind)
	if err != nil {
		return reply{}, err
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, server)
	if err != nil {
		return reply{}, err
	}
	defer conn.Close()
	// Shorter than the check's time, so that a lost packet can be sent again.
	_ = conn.SetDeadline(time.Now().Add(networkTime / 3))
	text, err := exchange(conn, network, question)
	if err != nil {
		return reply{}, err
	}
	answer, cut, err := readReply(text, id)
	if err == nil && cut && network == "udp" {
		return w.ask(ctx, "tcp", name, kind)
	}
	return answer, err
}

func query(name string, kind dnsmessage.Type) ([]byte, uint16, error) {
	full, err := dnsmessage.NewName(strings.TrimSuffix(name, ".") + ".")
	if err != nil {
		return nil, 0, fmt.Errorf("ask for %q: %w", name, err)
	}
	id := uint16(rand.Uint32())
	m := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: full, Type: kind, Class: dnsmessage.ClassINET}},
	}
	text, err := m.Pack()
	return text, id, err
}

// exchange sends a question and reads the answer; over TCP both come after their length.
func exchange(conn net.Conn, network string, question []byte) ([]byte, error) {
	if network == "udp" {
		buf := make([]byte, maxAnswer)
		for try := 0; ; try++ {
			if _, err := conn.Write(question); err != nil {
				return nil, err
			}
			n, err := conn.Read(buf)
			if err == nil || try > 0 {
				return buf[:n], err
			}
			_ = conn.SetDeadline(time.Now().Add(networkTime / 3))
		}
	}
	if _, err := conn.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(question))), question...)); err != nil {
		return nil, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(length[:]))
	_, err := io.ReadFull(conn, buf)
	return buf, err
}

// readReply reads a resolver's answer and says whether it was cut.
func readReply(text []byte, id uint16) (r reply, cut bool, err error) {
	var m dnsmessage.Message
	if err := m.Unpack(text); err != nil {
		return r, false, fmt.Errorf("read the resolver's answer: %w", err)
	}
	if m.ID != id || !m.Response {
		return r, false, errors.New("the resolver answered something else")
	}
	return reply{m.RCode, m.Answers}, m.Truncated, nil
}

// addresses returns the addresses in an answer, those at the end of aliases included.
func (r reply) addresses() []netip.Addr {
	var list []netip.Addr
	for _, a := range r.answers {
		switch body := a.Body.(type) {
		case *dnsmessage.AResource:
			list = append(list, netip.AddrFrom4(body.A))
		case *dnsmessage.AAAAResource:
			list = append(list, netip.AddrFrom16(body.AAAA))
		}
	}
	return list
}

// issuers returns which authorities a CAA record set names, and whether there is a set.
func (r reply) issuers() (list []string, set bool) {
	for _, a := range r.answers {
		body, ok := a.Body.(*dnsmessage.UnknownResource)
		if !ok || body.Type != typeCAA {
			continue
		}
		set = true
		if tag, value, ok := readCAA(body.Data); ok && strings.EqualFold(tag, "issue") {
			value, _, _ = strings.Cut(value, ";")
			list = append(list, strings.ToLower(strings.TrimSpace(value)))
		}
	}
	return list, set
}

// readCAA takes a record apart: a byte of flags, the length of the tag, the tag, the value.
func readCAA(data []byte) (tag, value string, ok bool) {
	if len(data) < 2 || len(data) < 2+int(data[1]) {
		return "", "", false
	}
	end := 2 + int(data[1])
	return string(data[2:end]), string(data[end:]), true
}
