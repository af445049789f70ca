package certs

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"time"
)

// How long to wait after failures, and how many orders the authority may see of us. Let's
// Encrypt stops listening after five failed validations of a name in an hour, and after five
// certificates for the same name in a week.
const (
	firstWait   = 15 * time.Minute
	longestWait = 24 * time.Hour
	holdTime    = 30 * time.Second // until the next look at what an attempt needs
	longestHold = 10 * time.Minute
	hourOrders  = 4
	weekOrders  = 20
	hour, week  = time.Hour, 7 * 24 * time.Hour
)

// State is what is known of the certificate, as the server left it in data/tls/state.json.
type State struct {
	Mode      string `json:"mode"` // auto or files; empty when no server with TLS ever ran
	Host      string `json:"host"`
	Directory string `json:"directory,omitempty"` // of the authority

	// The certificate in use; NotAfter is zero when there is none.
	NotBefore     time.Time `json:"not_before,omitzero"`
	NotAfter      time.Time `json:"not_after,omitzero"`
	Issuer        string    `json:"issuer,omitempty"`
	CertDirectory string    `json:"cert_directory,omitempty"` // where it is from

	LastTry   time.Time   `json:"last_try,omitzero"`
	Next      time.Time   `json:"next,omitzero"`        // no attempt before
	Failures  int         `json:"failures,omitempty"`   // in a row
	Holds     int         `json:"holds,omitempty"`      // since the last success: the name could not be proved, so the authority was not asked
	LastError string      `json:"last_error,omitempty"` // empty when the last attempt succeeded
	Way       string      `json:"way,omitempty"`        // how the name was last proved
	Orders    []time.Time `json:"orders,omitempty"`     // of the last week
}

// Status returns the state that the server of a data directory left; an empty one when
// none did.
func Status(data string) (State, error) {
	var s State
	text, err := os.ReadFile(filepath.Join(folder(data), stateFile))
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return s, fmt.Errorf("read the state of the certificate: %w", err)
	}
	if err := json.Unmarshal(text, &s); err != nil {
		// A damaged memory must not stop the site, nor be taken for a clean slate.
		return State{Failures: 1, Next: time.Now().Add(firstWait).UTC(), LastError: damaged}, nil
	}
	return s, nil
}

const (
	stateFile = "state.json"
	damaged   = "state.json was damaged"
)

// Retry lets the next attempt begin at once, within what the authority allows an hour. The
// creator says so when what was wrong is mended.
func Retry(data string) error {
	s, err := Status(data)
	if err != nil {
		return err
	}
	if s.Mode == "" {
		return nil // none was made yet, so none is waited for
	}
	s.Next, s.Failures, s.Holds = time.Time{}, 0, 0
	return s.save(folder(data))
}

// OrdersLeft is how many orders our own limit leaves for this hour.
func (s State) OrdersLeft(now time.Time) int { return max(0, hourOrders-s.ordersSince(now.Add(-hour))) }

func (s State) ordersSince(t time.Time) (n int) {
	for _, o := range s.Orders {
		if o.After(t) {
			n++
		}
	}
	return n
}

// adopt starts a new count for another name or another authority. A damaged memory is taken
// for this one's, else its wait would be forgotten, and a good certificate got anew.
func (s *State) adopt(cfg Config) {
	if s.Mode == "" && s.LastError == damaged {
		s.Mode, s.Host, s.Directory, s.CertDirectory = "auto", cfg.Host, cfg.Directory, cfg.Directory
	}
	if s.Host != cfg.Host || s.Directory != cfg.Directory || s.Mode != "auto" {
		*s = State{Mode: "auto", Host: cfg.Host, Directory: cfg.Directory, CertDirectory: s.CertDirectory, Orders: s.Orders}
	}
}

// describe notes what can be seen of the certificate in use.
func (s *State) describe(cert *tls.Certificate) {
	s.NotBefore, s.NotAfter, s.Issuer = time.Time{}, time.Time{}, ""
	if cert != nil && cert.Leaf != nil {
		s.NotBefore, s.NotAfter, s.Issuer = cert.Leaf.NotBefore.UTC(), cert.Leaf.NotAfter.UTC(), cert.Leaf.Issuer.CommonName
	}
}

// mend forgets what a clock left that was ahead when the state was written: no wait is longer
// than the one that the last failure has begun.
func (s *State) mend(now time.Time) {
	most := doubled(firstWait, s.Failures-1, longestWait) // and longer than any hold
	if s.Next.After(now.Add(most)) {
		s.Next = now.Add(most).UTC()
	}
	s.Orders = s.recent(now)
}

// wait is when the next attempt may begin. A clock that was wrong when the state was
// written does not keep us waiting for years, see mend.
func (s State) wait(now time.Time) time.Time {
	next := s.Next
	if next.After(now.Add(longestWait)) {
		next = now.Add(longestWait)
	}
	if s.OrdersLeft(now) == 0 || s.ordersSince(now.Add(-week)) >= weekOrders {
		next = later(next, now.Add(firstWait))
	}
	return next
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// way is how the next attempt proves the name: as it last worked, and after a failure in
// the other way where there is one.
func (s State) way(redirect bool) string {
	way := s.Way
	if way == "" {
		way = byTLS
	}
	if s.Failures%2 == 1 {
		way = map[string]string{byTLS: byHTTP, byHTTP: byTLS}[way]
	}
	if !redirect {
		way = byTLS
	}
	return way
}

// hold puts the attempt off without asking the authority.
func (s *State) hold(now time.Time, err error) {
	s.Next, s.LastError = now.Add(doubled(holdTime, s.Holds, longestHold)).UTC(), err.Error()
	s.Holds++
}

// begin notes an attempt as failed, with the wait after it.
func (s *State) begin(now time.Time) {
	s.LastTry, s.LastError = now.UTC(), "the attempt was interrupted"
	s.Next = now.Add(doubled(firstWait, s.Failures, longestWait)).UTC()
	s.Failures++
	// Until it is known better, the attempt has placed its order.
	s.Orders = append(s.recent(now), now.UTC())
}

// end notes what became of the attempt that begin noted.
func (s *State) end(now time.Time, way string, orders int, err error) {
	if orders == 0 && len(s.Orders) > 0 {
		s.Orders = s.Orders[:len(s.Orders)-1]
	}
	if err != nil {
		s.LastError = err.Error()
		s.Next = now.Add(doubled(firstWait, s.Failures-1, longestWait)).UTC()
		return
	}
	s.Failures, s.Holds, s.LastError, s.Next, s.Way = 0, 0, "", time.Time{}, way
}

// recent returns the orders of the last week, none that a clock ahead has dated.
func (s State) recent(now time.Time) []time.Time {
	var kept []time.Time
	for _, o := range s.Orders {
		if o.After(now.Add(-week)) && o.Before(now.Add(hour)) {
			kept = append(kept, o)
		}
	}
	return kept
}

// doubled returns first, doubled n times, at most longest.
func doubled(first time.Duration, n int, longest time.Duration) time.Duration {
	for range n {
		if first *= 2; first >= longest {
			return longest
		}
	}
	return first
}

func (s State) same(other State) bool { return reflect.DeepEqual(s, other) }

// save replaces the file as a whole.
func (s State) save(dir string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return fmt.Errorf("write the state of the certificate: %w", err)
	}
	f, err := os.CreateTemp(dir, "."+stateFile+"-*")
	if err != nil {
		return fmt.Errorf("write the state of the certificate: %w", err)
	}
	defer os.Remove(f.Name()) // gone when all went well
	_, err = f.Write(append(text, '\n'))
	if err = errors.Join(err, f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(dir, stateFile))
	}
	if err != nil {
		return fmt.Errorf("write the state of the certificate: %w", err)
	}
	return nil
}
