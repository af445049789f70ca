// Package knock lets two Tubelets help each other to look from outside: `tubelet doctor --via
// URL` asks a friend's server what address it comes from, whether its ports answer there, and
// how fast it takes some bytes.
//
// The friend's side must be no use to anybody else. It connects only to the very address that
// asked, and that address has completed a TCP handshake, so nobody else's can be named; only
// to TCP 443 and 80 and one UDP port above 1023; it sends nothing over TCP, and two
// packets of 20 bytes over UDP; and it does so seldom for one address, and seldom in all.
package knock

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/seed/peer/stun"
)

// Path is the address of the route, for GET and POST.
const Path = "/knock"

// Answer is what GET answers.
type Answer struct {
	Schema  int        `json:"schema"`
	Address netip.Addr `json:"address"` // where the question came from
	Headers []string   `json:"headers"` // which of Date, Digest and Signature came with it
	Doors   []Door     `json:"doors"`   // empty for an address that is not public
}

// Door is a port of the asker, as seen from here.
type Door struct {
	Network string `json:"network"` // tcp or udp
	Port    uint16 `json:"port"`
	Open    bool   `json:"open"`
	Why     string `json:"why"` // when it is not: refused, silent, unreachable
}

// Took is what POST answers.
type Took struct {
	Bytes   int64   `json:"bytes"`
	Seconds float64 `json:"seconds"` // from the first byte to the last
}

// MaxUpload is how much POST takes: what nginx lets through without being told.
const MaxUpload = 1_000_000

const (
	doorTime   = 3 * time.Second
	uploadTime = 6 * time.Second
	lowPort    = 1024 // below are the services of others
	atOnce     = 4
)

// Config is what New needs.
type Config struct {
	On      func(context.Context) (bool, error)           // whether the creator lets friends ask
	Address func(*http.Request) netip.Addr                // who asks, a proxy's word heeded where it counts
	Private func(context.Context) ([]netip.Prefix, error) // networks that may be connected to although they are not public

	TCP []uint16 // the ports that are tried; nil means 443 and 80
}

// Knock answers friends. It is safe for concurrent use.
type Knock struct {
	cfg     Config
	slots   chan struct{}
	looks   *turns
	uploads *turns
	taking  sync.Mutex // one upload at a time, so that they do not measure each other
}

// New returns what answers.
func New(cfg Config) *Knock {
	if cfg.TCP == nil {
		cfg.TCP = []uint16{443, 80}
	}
	return &Knock{cfg: cfg, slots: make(chan struct{}, atOnce), looks: newTurns(3), uploads: newTurns(8)}
}

// admit reports whether a request is answered, and if not, has answered that.
func (k *Knock) admit(w http.ResponseWriter, r *http.Request, t *turns) (netip.Addr, bool) {
	on, err := k.cfg.On(r.Context())
	if err != nil || !on {
		http.NotFound(w, r)
		return netip.Addr{}, false
	}
	ip := k.cfg.Address(r).Unmap()
	if !ip.IsValid() || ip.Zone() != "" || !t.take(ip, time.Now()) {
		w.Header().Set("Retry-After", strconv.Itoa(int(every/time.Second)))
		http.Error(w, "Others want to know too: ask again in a minute.", http.StatusTooManyRequests)
		return netip.Addr{}, false
	}
	return ip, true
}

// Look is GET: it tells the asker about itself.
func (k *Knock) Look(w http.ResponseWriter, r *http.Request) {
	udp, err := udpPort(r.URL.Query().Get("udp"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ip, ok := k.admit(w, r, k.looks)
	if !ok {
		return
	}
	select {
	case k.slots <- struct{}{}:
		defer func() { <-k.slots }()
	default:
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Others are asking just now.", http.StatusTooManyRequests)
		return
	}
	a := Answer{Schema: 1, Address: ip, Headers: []string{}, Doors: []Door{}}
	for _, name := range []string{"Date", "Digest", "Signature"} {
		if r.Header.Get(name) != "" {
			a.Headers = append(a.Headers, name)
		}
	}
	if k.mayTry(r.Context(), ip) {
		a.Doors = k.doors(r.Context(), ip, udp)
	}
	send(w, a)
}

func send(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(v) // who went away gets nothing
}

func udpPort(text string) (uint16, error) {
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n < lowPort {
		return 0, errors.New("udp is a port from 1024 to 65535")
	}
	return uint16(n), nil
}

// mayTry reports whether an address may be connected to: not one of the household's, were
// the asker behind the same router.
func (k *Knock) mayTry(ctx context.Context, ip netip.Addr) bool {
	if remote.Public(ip) {
		return true
	}
	private, err := k.cfg.Private(ctx)
	return err == nil && slices.ContainsFunc(private, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// doors tries the ports of an address, side by side.
func (k *Knock) doors(ctx context.Context, ip netip.Addr, udp uint16) []Door {
	ctx, cancel := context.WithTimeout(ctx, doorTime)
	defer cancel()
	list := make([]Door, len(k.cfg.TCP), len(k.cfg.TCP)+1)
	if udp != 0 {
		list = append(list, Door{})
	}
	var wg sync.WaitGroup
	for i, port := range k.cfg.TCP {
		wg.Go(func() { list[i] = door("tcp", port, tryTCP(ctx, netip.AddrPortFrom(ip, port))) })
	}
	if udp != 0 {
		wg.Go(func() { list[len(list)-1] = door("udp", udp, trySTUN(ctx, netip.AddrPortFrom(ip, udp))) })
	}
	wg.Wait()
	return list
}

func door(network string, port uint16, err error) Door {
	d := Door{Network: network, Port: port, Open: err == nil}
	switch {
	case err == nil:
	case errors.Is(err, syscall.ECONNREFUSED):
		d.Why = "refused"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		d.Why = "silent"
	default:
		d.Why = "unreachable"
	}
	return d
}

func isTimeout(err error) bool {
	var timeout net.Error
	return errors.As(err, &timeout) && timeout.Timeout()
}

// tryTCP connects and hangs up.
func tryTCP(ctx context.Context, to netip.AddrPort) error {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", to.String())
	if err != nil {
		return err
	}
	return conn.Close()
}

// trySTUN asks for an address twice, since a packet may be lost, and waits for one answer.
func trySTUN(ctx context.Context, to netip.AddrPort) error {
	conn, err := new(net.Dialer).DialContext(ctx, "udp", to.String())
	if err != nil {
		return err
	}
	defer conn.Close()
	ask := stun.Request()
	buf := make([]byte, 1500)
	for range 2 {
		if _, err := conn.Write(ask); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(doorTime / 3))
		n, err := conn.Read(buf)
		if isTimeout(err) {
			continue
		}
		if err != nil {
			return err
		}
		if stun.Answers(buf[:n], ask) {
			return nil
		}
	}
	return context.DeadlineExceeded
}

// Take is POST: it reads what comes, throws it away, and says how fast it came.
func (k *Knock) Take(w http.ResponseWriter, r *http.Request) {
	if _, ok := k.admit(w, r, k.uploads); !ok {
		return
	}
	if !k.taking.TryLock() {
		w.Header().Set("Retry-After", "5")
		http.Error(w, "Somebody else is measuring just now.", http.StatusTooManyRequests)
		return
	}
	defer k.taking.Unlock()
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(uploadTime))
	var first [1]byte
	n, err := io.ReadFull(r.Body, first[:])
	began := time.Now()
	if err == nil {
		var rest int64
		rest, err = io.Copy(io.Discard, io.LimitReader(r.Body, MaxUpload))
		n += int(rest)
	}
	if err != nil || n > MaxUpload {
		http.Error(w, "That was too much, or came too slowly.", http.StatusRequestEntityTooLarge)
		return
	}
	send(w, Took{int64(n), time.Since(began).Seconds()})
}
