package doctor

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/server/knock"
)

// Answer is what a friend's server said, and when.
type Answer struct {
	knock.Answer
	Date time.Time // by its clock
	Came time.Time // by ours
}

func isPublic(ip netip.Addr) bool { return remote.Public(ip) }

// standardUDP is the seed's port when the setting says auto; see package server/share.
const standardUDP = 8443

// udp is the port of WebRTC and STUN, 0 when nothing is shared.
func (w *world) udp() uint16 {
	if w.Settings["p2p"] == "off" {
		return 0
	}
	n, err := strconv.ParseUint(w.Settings["seed.port"], 10, 16)
	if err != nil {
		return standardUDP
	}
	return uint16(n)
}

// friend asks the friend's server over IPv4, friend6 over IPv6. Each is asked once.
func (w *world) friend() (Answer, error) {
	return w.four.get(func() (Answer, error) { return w.knock("tcp4") })
}

func (w *world) friend6() (Answer, error) {
	return w.six.get(func() (Answer, error) { return w.knock("tcp6") })
}

// anyFriend asks the friend's server over IPv4, or over IPv6 where this machine has nothing else.
func (w *world) anyFriend() (Answer, error) {
	if w.sixOnly() {
		return w.friend6()
	}
	return w.friend()
}

// sixOnly reports whether this machine has IPv6 and no IPv4.
func (w *world) sixOnly() bool {
	own := slices.DeleteFunc(w.Addresses(), netip.Addr.IsLoopback)
	return len(own) > 0 && len(family(own, true)) == 0
}

func (w *world) knock(network string) (Answer, error) {
	c, err := w.caller(network)
	if err != nil {
		return Answer{}, err
	}
	defer c.Close()
	// Of its own: the first check that wants it must not decide how long it may take.
	ctx, cancel := context.WithTimeout(context.Background(), networkTime-200*time.Millisecond)
	defer cancel()
	udp := w.udp()
	if udp < 1024 {
		udp = 0 // friends do not try those
	}
	answer, date, err := c.Look(ctx, udp, nil)
	return Answer{answer, date, w.Now()}, err
}

func (w *world) caller(network string) (*knock.Caller, error) {
	transport := &http.Transport{}
	w.Trust(transport)
	return knock.NewCaller(w.Via, network, transport)
}

// door finds a port in what the friend saw.
func (a Answer) door(network string, port uint16) (knock.Door, bool) {
	for _, d := range a.Doors {
		if d.Network == network && d.Port == port {
			return d, true
		}
	}
	return knock.Door{}, false
}

var errNotTried = errors.New("the friend's server did not try, since it does not see a public address of ours")
