package tracker

import (
	"net/netip"
	"time"
)

// What a stranger can make us keep, send or compute. An address is one IPv4 address or one
// /64 of IPv6.
const (
	maxMessage     = 64 << 10  // bytes of a message on a socket
	maxQuery       = 8 << 10   // bytes of a query over HTTP
	maxSDP         = 16 << 10  // bytes of an offer or an answer
	maxOffers      = 10        // offers taken from one announce
	maxPeers       = 20        // peers in one answer over HTTP
	maxSockets     = 20_000    // open at a time
	maxPerAddress  = 100       // sockets of one address; each page has two
	maxMirrors     = 64        // mirrors at a time
	maxMirrorsEach = 4         // of one address
	maxRooms       = 32        // swarms that one socket may be in
	maxSeats       = 4         // swarms that one socket may have joined, as in seed/swarm
	maxMirrorRooms = 20_000    // swarms that a mirror may be in
	maxViewers     = 5_000     // that may join one swarm
	maxMembers     = 5_000     // on sockets in one swarm
	maxHosts       = 2_000     // announced over HTTP in one swarm
	maxAllHosts    = 50_000    // in all swarms
	maxHostsEach   = 8         // in one swarm from one address
	maxVisitors    = 100_000   // addresses remembered; more than maxSockets
	maxRefusals    = 1_000     // addresses remembered from where a mirror was refused
	maxArrivals    = 256       // viewers remembered who begin
	maxScrape      = 74        // infohashes in one scrape
	maxReceived    = 64        // senders in one report
	maxPieces      = 64        // pieces in a list of a report
	maxQueue       = 128       // messages waiting for a slow reader, who is then cut
	maxQueued      = 512 << 10 // bytes of them
	maxAnswers     = 8         // answers of our own seed in the making
	maxAnswersEach = 2         // for one address
	maxReceiveRate = 125 << 20 // bytes a second that a viewer may claim to have got

	announceInterval = 2 * time.Minute  // asked of those on sockets
	hostInterval     = 30 * time.Minute // asked of those over HTTP
	hostTime         = 45 * time.Minute // after which they are forgotten
	strangerTime     = 30 * time.Second // for a socket that is in no swarm
	idleTime         = 2 * time.Minute  // without a message or a pong on a socket
	pingTime         = 30 * time.Second // after which a silent socket is pinged
	messageTime      = 20 * time.Second // for one message to come in
	writeTime        = 15 * time.Second // for what is queued to go out
	answerTime       = 20 * time.Second // for our seed to answer an offer
	answerAgain      = 4 * time.Minute  // before our seed answers the same peer again
	refusedFor       = 24 * time.Hour   // for mirrors from where one was refused, whatever they call themselves
	arrivalTime      = 4 * time.Second  // in which who begins joins a swarm
	introduceAgain   = time.Minute      // before the same two peers are introduced again

	grantTime = 100 * time.Millisecond
	newsTime  = time.Second
	sweepTime = 15 * time.Second
)

// Rates, as events a second and how many may come at once.
const (
	announceRate, announceBurst = 1, 60    // an address's announces: 60 a minute
	mirrorRate, mirrorBurst     = 20, 500  // the same for an address with a mirror, which has many videos
	messageRate, messageBurst   = 20, 100  // a socket's messages; above, it is cut
	guestRate, guestBurst       = 50, 1000 // the same of a mirror, which announces all it has at once
	answerRate, answerBurst     = 0.1, 4   // answers of our own seed to an address
	reportRate, reportBurst     = 4, 8     // a socket's reports; above, they are ignored
	missCost                    = 5        // announces that one for an unknown infohash counts as
	helloCost                   = 5        // announces that a mirror's introduction counts as: it is written down
)

// bucket is a token bucket. Its zero value is full.
type bucket struct {
	used float64
	last time.Time
}

// take takes n tokens, if there are that many.
func (b *bucket) take(now time.Time, n, rate, burst float64) bool {
	b.used = max(0, b.used-now.Sub(b.last).Seconds()*rate)
	b.last = now
	if b.used+n > burst {
		return false
	}
	b.used += n
	return true
}

// spend takes n tokens, whether they are there or not.
func (b *bucket) spend(n, burst float64) { b.used = min(b.used+n, burst) }

// visitor is what all connections of one address share.
type visitor struct {
	sockets   int
	mirrors   int
	answers   int // of our own seed, in the making
	announces bucket
	answered  bucket
}

func (v *visitor) idle(now time.Time) bool {
	return v.sockets == 0 && now.Sub(v.announces.last) > time.Minute
}

// announce counts an announce and reports whether it may be answered.
func (v *visitor) announce(now time.Time) bool {
	if v.mirrors > 0 {
		return v.announces.take(now, 1, mirrorRate, mirrorBurst)
	}
	return v.announces.take(now, 1, announceRate, announceBurst)
}

// may counts an announce of an address and reports whether it may be answered. It is asked
// before anything is looked up.
func (t *Tracker) may(now time.Time, addr netip.Addr) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.visitor(addr).announce(now)
}

// missed makes an announce for an unknown infohash a dear one. The caller holds the mutex.
func (t *Tracker) missed(addr netip.Addr) {
	t.visitor(addr).announces.spend(missCost-1, announceBurst)
}

// network is what stands for an address: of IPv6 a /64, since who has one has all of it.
func network(addr netip.Addr) netip.Addr {
	if addr.Is6() {
		return netip.PrefixFrom(addr, 64).Masked().Addr()
	}
	return addr
}

// place names an address to the scheduler. One of this machine or of a home network may be a
// proxy's, which stands for everybody.
func place(addr netip.Addr) string {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() {
		return ""
	}
	return network(addr).String()
}

// visitor returns what is known of an address. The caller holds the mutex.
func (t *Tracker) visitor(addr netip.Addr) *visitor {
	addr = network(addr)
	v := t.visitors[addr]
	if v == nil {
		if len(t.visitors) >= maxVisitors {
			t.forgetOne()
		}
		v = &visitor{}
		t.visitors[addr] = v
	}
	return v
}

// forgetOne makes room for a newcomer: of some addresses without a socket it forgets the one
// that announced longest ago. Who has a network of addresses would else keep everybody out,
// and who is forgotten loses nothing but what it had used up.
func (t *Tracker) forgetOne() {
	const some = 32
	var oldest netip.Addr
	var last time.Time
	looked := 0
	for addr, v := range t.visitors { // walked in another order each time
		if looked++; looked > some && oldest.IsValid() {
			break
		}
		if v.sockets == 0 && addr.IsValid() && (!oldest.IsValid() || v.announces.last.Before(last)) {
			oldest, last = addr, v.announces.last
		}
	}
	delete(t.visitors, oldest)
}
