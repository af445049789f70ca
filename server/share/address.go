package share

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// lookupAgain is how long the addresses of our own name are believed. A home line gets new
// ones now and then.
const lookupAgain = 2 * time.Minute

// self is this machine as the world sees it, router or not: where our own name leads to.
type self struct {
	host   string
	lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)

	mu     sync.Mutex
	list   []netip.Addr
	asked  time.Time
	asking chan struct{} // closed when the look-up under way ends; nil when there is none
}

func newSelf(domain string) *self {
	host, _, err := net.SplitHostPort(domain)
	if err != nil {
		host = domain
	}
	return &self{host: host, lookup: net.DefaultResolver.LookupNetIP}
}

// known returns what was found last, at once: the tracker asks while everybody waits for it.
// What is old is looked up anew meanwhile.
func (s *self) known(ctx context.Context) []netip.Addr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asking == nil && (s.asked.IsZero() || time.Since(s.asked) >= lookupAgain) {
		s.asking = make(chan struct{})
		go s.ask(ctx)
	}
	return s.list
}

// addresses is known, but waits for the first look-up.
func (s *self) addresses(ctx context.Context) []netip.Addr {
	if list := s.known(ctx); list != nil {
		return list
	}
	s.mu.Lock()
	asking := s.asking
	s.mu.Unlock()
	if asking != nil {
		<-asking // it has a deadline
	}
	return s.known(ctx)
}

func (s *self) ask(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	found, err := s.lookup(ctx, "ip", s.host)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.list = found
	}
	s.asked = time.Now()
	close(s.asking)
	s.asking = nil
}
