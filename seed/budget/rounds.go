package budget

import "time"

// rounds is one class that is served in turns: every viewer one part, however many requests
// it has open. With a guard, a viewer that had more than guard times its media's rate sits
// out until it is due again.
type rounds struct {
	guard   float64
	viewers map[string]*turns
	ring    []*turns  // those with somebody waiting; the first is next
	resting []*turns  // those that the guard holds back
	alarm   time.Time // when the first of them may go on
	swept   time.Time
}

// turns is one viewer's place in the round.
type turns struct {
	name    string
	waiting []*Ticket
	inRound bool      // in the ring or resting
	spent   float64   // bytes not yet earned again, under the guard
	at      time.Time // when spent was right
	rate    float64   // bytes a second that it earns
	woke    time.Time // when the guard last let it go
}

const idleViewer = time.Minute

func newRounds(guard float64) rounds {
	return rounds{guard: guard, viewers: map[string]*turns{}}
}

func (r *rounds) push(now time.Time, t *Ticket) {
	r.sweep(now)
	v := r.viewers[t.Claim.Viewer]
	if v == nil {
		v = &turns{name: t.Claim.Viewer, at: now}
		r.viewers[v.name] = v
	}
	v.rate = r.guard * t.Claim.Rate
	if !v.inRound {
		v.inRound = true
		r.ring = append(r.ring, v)
	}
	v.waiting = append(v.waiting, t)
}

// peek returns the next that may go, or nil.
func (r *rounds) peek(now time.Time) *Ticket {
	r.wake(now)
	for len(r.ring) > 0 {
		v := r.ring[0]
		v.dropLeft()
		if len(v.waiting) > 0 {
			due := v.due(now)
			if due == 0 {
				return v.waiting[0]
			}
			r.rest(v, now.Add(due))
		} else {
			v.inRound = false
		}
		r.ring[0] = nil
		r.ring = r.ring[1:]
	}
	return nil
}

// release lets the first of those go whom the guard holds back.
func (r *rounds) release() *Ticket {
	for len(r.resting) > 0 {
		v := r.resting[0]
		r.resting[0] = nil
		r.resting = r.resting[1:]
		v.dropLeft()
		if len(v.waiting) > 0 {
			r.ring = append([]*turns{v}, r.ring...)
			return v.waiting[0]
		}
		v.inRound = false
	}
	return nil
}

func (r *rounds) rest(v *turns, until time.Time) {
	if len(r.resting) == 0 || until.Before(r.alarm) {
		r.alarm = until
	}
	r.resting = append(r.resting, v)
}

// wake sends those whose rest is over back into the round.
func (r *rounds) wake(now time.Time) {
	if len(r.resting) == 0 || now.Before(r.alarm) {
		return
	}
	resting := r.resting
	r.resting = nil
	for _, v := range resting {
		if due := v.due(now); due > 0 {
			r.rest(v, now.Add(due))
		} else {
			v.woke = now
			r.ring = append(r.ring, v)
		}
	}
}

func (r *rounds) waiting() bool { return len(r.ring)+len(r.resting) > 0 }

// take serves t, which peek returned, and sends its viewer to the end of the round.
func (r *rounds) take(now time.Time, t *Ticket) {
	v := r.ring[0]
	v.earn(now)
	if v.woke.After(t.since) {
		t.since = v.woke
	}
	v.spent += float64(t.Bytes)
	v.waiting = v.waiting[1:]
	r.ring[0] = nil
	r.ring = r.ring[1:]
	if len(v.waiting) > 0 {
		r.ring = append(r.ring, v)
	}
	v.inRound = len(v.waiting) > 0
}

// sweep forgets viewers that have not come for a while.
func (r *rounds) sweep(now time.Time) {
	if now.Sub(r.swept) < idleViewer {
		return
	}
	r.swept = now
	for name, v := range r.viewers {
		if !v.inRound && now.Sub(v.at) > idleViewer {
			delete(r.viewers, name)
		}
	}
}

func (v *turns) dropLeft() {
	for len(v.waiting) > 0 && v.waiting[0].left {
		v.waiting = v.waiting[1:]
	}
}

func (v *turns) earn(now time.Time) {
	v.spent = max(0, v.spent-v.rate*now.Sub(v.at).Seconds())
	v.at = now
}

// due is when the guard lets v go: a player may run guardBurst ahead, then at its rate.
func (v *turns) due(now time.Time) time.Duration {
	if v.rate <= 0 {
		return 0
	}
	spent := v.spent - v.rate*now.Sub(v.at).Seconds()
	over := spent - v.rate*guardBurst.Seconds()
	if over <= 0 {
		return 0
	}
	return time.Duration(over/v.rate*float64(time.Second)) + time.Millisecond
}
