package doctor

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net"
	"net/netip"
	"strings"
	"time"
)

// router asks the household's router for its address outside, by NAT-PMP (RFC 6886). It opens
// nothing there: that is only done where the setting ports says so.
func (w *world) router(ctx context.Context) (netip.Addr, error) {
	return w.gate.get(func() (netip.Addr, error) {
		at := w.Gateway
		if at == "" {
			gateway, err := defaultGateway(w.read("proc/net/route"))
			if err != nil {
				return netip.Addr{}, err
			}
			at = netip.AddrPortFrom(gateway, 5351).String()
		}
		return askRouter(context.WithoutCancel(ctx), at)
	})
}

// defaultGateway finds where packets leave the house in the kernel's table, whose addresses
// are in hexadecimal with the last byte first.
func defaultGateway(table string) (netip.Addr, error) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 3 || f[1] != "00000000" {
			continue
		}
		raw, err := hex.DecodeString(f[2])
		if err != nil || len(raw) != 4 || binary.LittleEndian.Uint32(raw) == 0 {
			continue
		}
		return netip.AddrFrom4([4]byte{raw[3], raw[2], raw[1], raw[0]}), nil
	}
	return netip.Addr{}, errors.New("no router is known")
}

// routerWaits are between the tries, as the RFC says, but fewer of them.
func routerWaits() []time.Duration {
	return []time.Duration{250 * time.Millisecond, 500 * time.Millisecond, time.Second}
}

func askRouter(ctx context.Context, at string) (netip.Addr, error) {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", at)
	if err != nil {
		return netip.Addr{}, err
	}
	defer conn.Close()
	var answer [16]byte
	for _, wait := range routerWaits() {
		if _, err := conn.Write([]byte{0, 0}); err != nil {
			return netip.Addr{}, err
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		n, err := conn.Read(answer[:])
		if err != nil {
			continue // refused or silent: it may be busy
		}
		return readRouter(answer[:n])
	}
	return netip.Addr{}, errors.New("the router does not speak NAT-PMP")
}

// readRouter reads the answer to a question about the outer address: version, opcode + 128,
// result, seconds since start, address.
func readRouter(answer []byte) (netip.Addr, error) {
	if len(answer) < 12 || answer[0] != 0 || answer[1] != 128 {
		return netip.Addr{}, errors.New("the router answered something else")
	}
	if result := binary.BigEndian.Uint16(answer[2:]); result != 0 {
		return netip.Addr{}, errors.New("the router has no address outside")
	}
	return netip.AddrFrom4([4]byte(answer[8:12])), nil
}
