// Package sim plays whole audiences through the scheduler: a fluid model of viewers, their
// uplinks and the origin's line, in steps of 50 ms. The coordinated viewers are scheduled by
// swarm.Coordinator and the origin's bytes leave in the order of budget.Line, the very code of
// the server; the clients follow docs/sharing.md. Every run is a function of its Scenario.
package sim

import (
	"math/rand/v2"
	"time"

	"github.com/tubelet/tubelet/seed/swarm"
)

// Mode is how the viewers fetch.
type Mode int

// The modes.
const (
	PlainHTTP     Mode = iota
	MediaLoader        // p2p-media-loader 2.3.1, from its source
	Uncoordinated      // our client without the coordinator: rarest first, random origin, rescue
	Coordinated
)

// Scenario is one audience.
type Scenario struct {
	Mode        Mode
	Viewers     int
	Length      time.Duration
	Rate        float64 // of the media, bytes a second
	LongStart   bool    // segments of 4 s from the first; else the first two are of 2 s
	PieceLength int64
	Origin      float64 // the line, bytes a second
	Uplink      Spread
	Give        float64                   // part of its uplink that a viewer gives; 0: all
	Arrive      func(i int) time.Duration // when viewer i comes
	Churn       bool                      // half leave, a fifth seek, a fifth on another rendition, a tenth pause
	Plain       float64                   // part of the viewers without P2P
	Mirrors     []float64                 // uplinks, bytes a second
	Liars       int                       // who say that they have everything, have nothing, and give nothing
	ConnectMin  time.Duration             // P2P is up this long after arrival, at least; 0: 1.2 s
	ConnectMax  time.Duration             // and at most; 0: 2.8 s
	Step        time.Duration             // 0: 50 ms
	Rules       *swarm.Rules              // nil: the server's
	Client      *Client                   // nil: the player's
	Seed        uint64

	AllConnect     bool // no pair is unreachable
	RandomPartners bool // the tracker draws, whatever the coordinator thinks
	StartsFirst    bool // starts before leases always, and counted in the queue
}

// Result is what came of it.
type Result struct {
	OriginX    float64 // bytes sent by the origin, in sizes of the file
	MirrorX    float64
	Stalls     float64 // seconds per viewer-minute of video played
	StartP50   float64 // seconds from arrival to the first segment
	StartP95   float64
	Waste      float64 // part of all bytes that came twice or were thrown away
	UpP50      float64 // bytes given per viewer, as a multiple of what it would take to play as long
	UpP95      float64
	Ended      int // viewers that saw the end, or left as they had meant to
	StartX     float64
	FirstX     float64 // granted as first copies
	CopyX      float64 // as further copies
	WishX      float64 // as rescues
	PlayedX    float64 // bytes played: what plain HTTP must send at least
	TickNs     float64 // mean time of a coordinator's tick in which it looked for work
	Ticks      int
	GrantCount int
}

const (
	httpLatency = 80 * time.Millisecond
	peerLatency = 150 * time.Millisecond // have, request, first byte
	sought      = 10
	accepted    = 30
	unreachable = 0.1 // of the pairs
	lingers     = 5 * time.Second
	ahead       = 30.0 // seconds that the player buffers
)

// Run plays the scenario.
func Run(s Scenario) Result {
	w := newWorld(s)
	for !w.over() {
		w.step()
	}
	return w.result()
}

// Mean runs the scenario with n seeds and averages.
func Mean(s Scenario, n int) Result {
	var sum Result
	for i := range n {
		s.Seed = uint64(i) + 1
		sum = sum.plus(Run(s))
	}
	return sum.over(float64(n))
}

func (a Result) plus(b Result) Result {
	a.OriginX += b.OriginX
	a.MirrorX += b.MirrorX
	a.Stalls += b.Stalls
	a.StartP50 += b.StartP50
	a.StartP95 += b.StartP95
	a.Waste += b.Waste
	a.UpP50 += b.UpP50
	a.UpP95 += b.UpP95
	a.Ended += b.Ended
	a.StartX += b.StartX
	a.FirstX += b.FirstX
	a.CopyX += b.CopyX
	a.WishX += b.WishX
	a.PlayedX += b.PlayedX
	a.TickNs += b.TickNs
	a.Ticks += b.Ticks
	a.GrantCount += b.GrantCount
	return a
}

func (a Result) over(n float64) Result {
	for _, f := range []*float64{&a.OriginX, &a.MirrorX, &a.Stalls, &a.StartP50, &a.StartP95, &a.Waste,
		&a.UpP50, &a.UpP95, &a.StartX, &a.FirstX, &a.CopyX, &a.WishX, &a.PlayedX, &a.TickNs} {
		*f /= n
	}
	return a
}

// Spread draws an uplink in bytes a second.
type Spread func(*rand.Rand) float64

const mbit = 125_000.0

// Mixed is 10 % none, 40 % 1-2 Mbit/s, 50 % 5-20 Mbit/s.
func Mixed(r *rand.Rand) float64 {
	switch x := r.Float64(); {
	case x < 0.1:
		return 0
	case x < 0.5:
		return (1 + r.Float64()) * mbit
	}
	return (5 + 15*r.Float64()) * mbit
}

// Poor is 15 % none, the rest 1-2 Mbit/s.
func Poor(r *rand.Rand) float64 {
	if r.Float64() < 0.15 {
		return 0
	}
	return (1 + r.Float64()) * mbit
}

// FCC follows the residential fixed lines of the USA in June 2024 (FCC, Internet Access
// Services, figure 15): 3 % below 1 Mbit/s up, 3 % from 1 to 3, 28 % from 3 to 20, 66 % at least
// 20, where the median lies. The top is taken as 20-40, and of all, a tenth gives nothing
// (mobile, or behind a router that lets nothing through).
func FCC(r *rand.Rand) float64 {
	if r.Float64() < 0.1 {
		return 0
	}
	switch x := r.Float64(); {
	case x < 0.03:
		return (0.3 + 0.7*r.Float64()) * mbit
	case x < 0.06:
		return (1 + 2*r.Float64()) * mbit
	case x < 0.34:
		return (3 + 17*r.Float64()) * mbit
	}
	return (20 + 20*r.Float64()) * mbit
}

// Even gives everybody the same.
func Even(rate float64) Spread { return func(*rand.Rand) float64 { return rate } }

// Together has all viewers come within d.
func Together(n int, d time.Duration) func(int) time.Duration {
	return func(i int) time.Duration { return d * time.Duration(i) / time.Duration(n) }
}

// Apart has one viewer come every d.
func Apart(d time.Duration) func(int) time.Duration {
	return func(i int) time.Duration { return d * time.Duration(i) }
}
