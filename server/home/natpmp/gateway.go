package natpmp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// Routes is the kernel's table of routes. Only Linux has it.
const Routes = "/proc/net/route"

// usable is what the flags of a route to the internet say: it is up, and leads to a gateway.
const usable = 0x1 | 0x2

// Gateway finds where packets leave the house in the kernel's table, whose addresses are in
// hexadecimal, as the machine holds them. Of several routes the one of the least metric counts.
func Gateway(table string) (netip.Addr, error) {
	var found netip.Addr
	least := -1
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 8 || f[1] != "00000000" || f[7] != "00000000" {
			continue
		}
		flags, err := strconv.ParseUint(f[3], 16, 16)
		metric, bad := strconv.Atoi(f[6])
		raw, wrong := hex.DecodeString(f[2])
		if err != nil || bad != nil || wrong != nil || len(raw) != 4 || flags&usable != usable || least >= 0 && metric >= least {
			continue
		}
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], binary.BigEndian.Uint32(raw))
		if a := netip.AddrFrom4(b); !a.IsUnspecified() {
			found, least = a, metric
		}
	}
	if !found.IsValid() {
		return found, errors.New("no router is known")
	}
	return found, nil
}
