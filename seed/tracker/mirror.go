package tracker

import (
	"encoding/hex"
	"net/url"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// mirror is a friend's machine that seeds our files. What it says of itself is shown to
// the creator and to nobody else; whether it may seed is MirrorAllowed's to say.
type mirror struct {
	ID, Name, URL string
	Port          uint16 // where it takes TCP and uTP; 0 for nowhere
}

// greet is a mirror that introduces itself. It then announces as any peer does.
func (t *Tracker) greet(now time.Time, s *socket, m message) bool {
	guest := &mirror{ID: m.ID, Name: m.Name, URL: m.URL, Port: m.Port}
	if !guest.plain() {
		return false
	}
	if !t.mayGreet(now, s) {
		return false
	}
	allowed := s.own && t.mirrorAllowed(guest)
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(s.members) > 0 {
		return false
	}
	switch {
	case allowed:
		t.refused.forgive(s.addr, guest.ID) // the creator has thought better of it
	case s.own:
		t.refused.add(now, s.addr, guest.ID)
	}
	if !allowed || t.refused.holds(now, s.addr) || t.mirrors >= maxMirrors || s.visitor.mirrors >= maxMirrorsEach {
		s.send(refusal{"refuse", "", reasonMirror})
		return true
	}
	s.mirror = guest
	s.visitor.mirrors++
	t.mirrors++
	s.mu.Lock()
	s.patient = true
	s.mu.Unlock()
	s.send(welcome{"welcome", int(announceInterval.Seconds())})
	t.log.Info("mirror came", "mirror", guest.ID)
	return true
}

// mayGreet lets a socket introduce itself once, and an address now and then.
func (t *Tracker) mayGreet(now time.Time, s *socket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s.greeted {
		return false
	}
	s.greeted = true
	return s.visitor.announces.take(now, helloCost, announceRate, announceBurst)
}

// refuseMirrors cuts off those that were refused after they came.
func (t *Tracker) refuseMirrors() {
	guests := map[*socket]*mirror{}
	t.mu.Lock()
	for s := range t.sockets {
		if s.mirror != nil {
			guests[s] = s.mirror
		}
	}
	t.mu.Unlock()
	for s, m := range guests {
		if !t.mirrorAllowed(m) {
			t.log.Info("mirror refused", "mirror", m.ID)
			t.turnAway(s)
		}
	}
}

// turnAway cuts off a mirror, and remembers from where it came: it could come back under
// another id, which it chooses itself.
func (t *Tracker) turnAway(s *socket) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused.add(time.Now(), s.addr, s.mirror.ID)
	s.cut()
}

func (t *Tracker) mirrorAllowed(m *mirror) bool {
	return t.cfg.MirrorAllowed == nil || t.cfg.MirrorAllowed(m.ID, m.Name)
}

// plain reports whether what a mirror says of itself can be shown in a terminal.
func (m *mirror) plain() bool {
	if id, err := hex.DecodeString(m.ID); err != nil || len(id) != 16 {
		return false
	}
	if len(m.Name) > 100 || !utf8.ValidString(m.Name) || strings.ContainsFunc(m.Name, unicode.IsControl) {
		return false
	}
	if m.URL == "" {
		return true
	}
	u, err := url.Parse(m.URL)
	return err == nil && len(m.URL) <= 200 && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && u.User == nil
}
