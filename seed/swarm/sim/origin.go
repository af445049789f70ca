package sim

import (
	"time"

	"github.com/tubelet/tubelet/seed/budget"
)

// flow is one HTTP answer of the origin: units in order.
type flow struct {
	v      *viewer
	film   *film
	units  []int
	class  budget.Class
	slack  time.Duration
	ready  time.Duration
	ticket *budget.Ticket
	sent   float64
	lease  bool
	asked  [2]int64 // the range, for the coordinator
	over   bool
}

const partBytes = 16 << 10

func (h *flow) covers(u int) bool {
	for _, x := range h.units {
		if x == u {
			return true
		}
	}
	return false
}

// left is what is still to be sent.
func (h *flow) left() (n float64) {
	for _, u := range h.units {
		if !h.v.has(u) {
			n += float64(h.film.sizes[u]) - h.v.part[u]
		}
	}
	return n
}

// trim forgets units that came from elsewhere; it reports whether nothing remains.
func (h *flow) trim() bool {
	kept := h.units[:0]
	for _, u := range h.units {
		if !h.v.has(u) {
			kept = append(kept, u)
		}
	}
	h.units = kept
	return len(kept) == 0
}

// origin is the line of the home.
type origin struct {
	w      *world
	rate   float64
	line   *budget.Line
	tokens float64
	flows  []*flow
	byTick map[*budget.Ticket]*flow
	sent   float64
	starts float64
	leased float64
}

func (o *origin) request(h *flow) {
	h.ready = o.w.now + httpLatency
	h.v.http = append(h.v.http, h)
	o.flows = append(o.flows, h)
}

// Queue is what swarm.Origin asks: leased bytes that wait.
func (o *origin) Queue() time.Duration {
	n := 0.0
	for _, h := range o.flows {
		if !h.over && (h.class == budget.Leased || h.class == budget.Start && o.w.s.StartsFirst) {
			n += h.left()
		}
	}
	return time.Duration(n / o.rate * float64(time.Second))
}

// Drain is what swarm.Origin asks.
func (o *origin) Drain() float64 { return o.rate }

// step sends what fits into dt.
func (o *origin) step(dt float64) {
	live := o.flows[:0]
	for _, h := range o.flows {
		if !h.over {
			live = append(live, h)
			o.push(h)
		}
	}
	clear(o.flows[len(live):])
	o.flows = live
	o.tokens = min(o.tokens, 0) + o.rate*dt
	for o.tokens > 0 {
		t := o.line.Pop(o.w.clock())
		if t == nil {
			return
		}
		h := o.byTick[t]
		delete(o.byTick, t)
		o.tokens -= float64(t.Bytes)
		h.ticket = nil
		o.deliver(h, float64(t.Bytes))
		if !h.over {
			o.push(h)
		}
	}
}

// push has h wait for its next part, if its receiver can take one in this step.
func (o *origin) push(h *flow) {
	if h.ticket != nil || o.w.now < h.ready || h.v.room <= 0 {
		return
	}
	n := min(partBytes, h.left())
	if n < 1 {
		n = 1
	}
	if o.w.s.StartsFirst && h.class == budget.Start {
		h.class, h.slack = budget.Leased, -time.Hour // before every lease
		defer func() { h.class = budget.Start }()
	}
	claim := budget.Claim{Viewer: string(h.v.peer), Class: h.class, Slack: h.slack - (o.w.now - h.ready), Rate: o.guard(h)}
	h.ticket = o.line.Push(o.w.clock(), claim, int(n))
	o.byTick[h.ticket] = h
}

func (o *origin) guard(h *flow) float64 {
	if o.w.s.Mode != Coordinated {
		return 0
	}
	return float64(h.film.media.Size) / h.film.length()
}

func (o *origin) deliver(h *flow, n float64) {
	o.sent += n
	switch h.class {
	case budget.Start:
		o.starts += n
	case budget.Leased:
		o.leased += n
	}
	h.sent += n
	h.v.room -= n
	for n > 0 && !h.over && len(h.units) > 0 {
		took := h.v.add(h.units[0], n)
		if took <= 0 && !h.trim() {
			break
		}
		n -= took
	}
	o.w.waste += n
	if !h.over && h.trim() {
		o.w.finish(h, true)
	}
}

// leave ends a flow.
func (o *origin) leave(h *flow) {
	h.over = true
	if h.ticket != nil {
		o.line.Leave(h.ticket)
		delete(o.byTick, h.ticket)
		h.ticket = nil
	}
	for i, x := range h.v.http {
		if x == h {
			h.v.http = append(h.v.http[:i], h.v.http[i+1:]...)
			break
		}
	}
}
