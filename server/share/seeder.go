package share

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"sync"

	"github.com/tubelet/tubelet/seed/budget"
	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/peer"
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/store"
)

// standardPort is the UDP port when none is set. 443 would be forwarded already where the
// pages are, but a proxy in front that speaks HTTP/3 has it.
const standardPort = 8443

// Port is the UDP port that the setting seed.port names, of a channel with a domain.
func Port(setting string) uint16 {
	n, err := strconv.ParseUint(setting, 10, 16)
	if err != nil { // auto
		return standardPort
	}
	return uint16(n)
}

// seeder runs the seed with its one UDP port as the settings say: no port is open while
// nothing is shared, and a port that cannot be opened is a warning, since pages and the
// tracker work without.
type seeder struct {
	cfg    Config
	index  *index
	budget *budget.Budget

	mu      sync.Mutex
	running *running // nil while nothing is shared
}

// plan is what the settings say.
type plan struct {
	on     bool // a port is open, for STUN at least
	seed   bool
	port   uint16
	listen string
}

// running is a seed with its port.
type running struct {
	plan plan
	conn *net.UDPConn // nil when it could not be opened
	seed *peer.Seed

	seeding bool // as it was told; heed's

	at   func() []netip.Addr // this machine, as the world sees it; it never waits
	stop context.CancelFunc
	done chan struct{}
}

func newSeeder(cfg Config, x *index, b *budget.Budget) *seeder {
	return &seeder{cfg: cfg, index: x, budget: b}
}

// heed does as the settings say, and reports whether that changed what pages know.
func (s *seeder) heed(ctx context.Context, port uint16) (changed bool, err error) {
	if s.cfg.Seed == nil {
		return false, nil
	}
	p, err := s.plan(ctx, port)
	if err != nil {
		return false, err
	}
	now := s.current()
	if now != nil && p.on && p.port == now.plan.port && p.listen == now.plan.listen {
		if p.seed != now.seeding { // each commit comes by, and to switch on forgets crashes
			now.seed.Switch(p.seed)
			now.seeding = p.seed
		}
		return false, nil
	}
	if now == nil && !p.on {
		return false, nil
	}
	s.stop()
	if p.on {
		s.start(ctx, p)
	}
	return true, nil
}

func (s *seeder) plan(ctx context.Context, port uint16) (plan, error) {
	values := map[string]string{}
	for _, key := range []string{"p2p", "seed", "seed.port", "seed.listen"} {
		value, err := s.cfg.Store.Setting(ctx, key)
		if err != nil {
			return plan{}, err
		}
		values[key] = value
	}
	p := plan{on: values["p2p"] != offer.Off, seed: values["seed"] == "on", port: standardPort, listen: values["seed.listen"]}
	if s.cfg.Local {
		p.port = port
	}
	if values["seed.port"] != "auto" {
		n, err := strconv.ParseUint(values["seed.port"], 10, 16)
		if err != nil {
			return plan{}, fmt.Errorf("read setting seed.port: %w", err)
		}
		p.port = uint16(n)
	}
	if p.on {
		return p, nil
	}
	var err error
	p.on, err = s.cfg.Store.SharesSome(ctx)
	return p, err
}

func (s *seeder) start(ctx context.Context, p plan) {
	addr := netip.AddrPortFrom(netip.IPv6Unspecified(), p.port)
	if s.cfg.Local {
		addr = netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), p.port)
	}
	here := newSelf(s.cfg.Channel.Domain)
	r := &running{plan: p, at: func() []netip.Addr { return here.known(ctx) }, done: make(chan struct{})}
	if p.listen != "" {
		r.at() // so that it is known when the tracker asks
	}
	var err error
	if r.conn, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(addr)); err != nil {
		s.cfg.Log.Warn("no port for WebRTC, so only HTTP and viewers who reach each other without help", "port", p.port, "err", err)
		r.conn = nil
	}
	r.seed = peer.New(peer.Config{
		Conn: r.conn, Command: s.cfg.Seed, Lookup: s.index.share, Hashes: s.index.hashes, Spend: s.spend,
		Listen: p.listen, PublicIPs: func() []netip.Addr { return here.addresses(ctx) }, Log: s.cfg.Log,
	})
	r.seed.Switch(p.seed)
	r.seeding = p.seed
	ctx, r.stop = context.WithCancel(ctx)
	go func() {
		defer close(r.done)
		if err := r.seed.Run(ctx); err != nil && ctx.Err() == nil {
			s.cfg.Log.Error("seed ended", "err", err)
		}
		if r.conn != nil {
			r.conn.Close()
		}
	}()
	s.mu.Lock()
	s.running = r
	s.mu.Unlock()
}

// stop ends the seed and closes its port.
func (s *seeder) stop() {
	s.mu.Lock()
	r := s.running
	s.running = nil
	s.mu.Unlock()
	if r != nil {
		r.stop()
		<-r.done
	}
}

func (s *seeder) current() *running {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.running
}

// stun returns where viewers learn how they are reached, or "".
func (s *seeder) stun(c store.Channel) string {
	r := s.current()
	if r == nil || r.conn == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(c.Domain)
	if err != nil {
		host = c.Domain
	}
	return "stun:" + net.JoinHostPort(host, strconv.Itoa(int(r.plan.port)))
}

// seeds is tracker.Config.Seeds.
func (s *seeder) seeds() []netip.AddrPort {
	r := s.current()
	if r == nil || r.plan.listen == "" {
		return nil
	}
	_, text, err := net.SplitHostPort(r.seed.Stats().Listen)
	port, perr := strconv.ParseUint(text, 10, 16)
	if err != nil || perr != nil { // not listened on yet
		return nil
	}
	var list []netip.AddrPort
	for _, ip := range r.at() {
		list = append(list, netip.AddrPortFrom(ip.Unmap(), uint16(port)))
	}
	return list
}

// answer is tracker.Config.Answer.
func (s *seeder) answer(ctx context.Context, h metainfo.Hash, sdp string) (string, error) {
	r := s.current()
	if r == nil || r.conn == nil {
		return "", peer.ErrOff
	}
	return r.seed.Answer(ctx, h, sdp)
}

// spend is peer.Config.Spend. Who is not on our pages comes after who is.
func (s *seeder) spend(ctx context.Context, way string, n int64) error {
	claim := budget.Claim{Viewer: "seed", Way: budget.TCP, Class: budget.Bulk}
	if way == "webrtc" {
		claim.Way = budget.WebRTC
	}
	return s.budget.Take(ctx, claim, int(n))
}
