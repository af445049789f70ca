package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// hosts are other servers, as far as an inbox goes.
type hosts struct {
	mu     sync.Mutex
	answer func(inbox string, n int) error // n counts the attempts at an inbox from 1
	trips  string                          // a body that makes a host answer 500
	tries  map[string]int
	got    map[string][]string // bodies taken, by inbox
	at     map[string][]time.Time
	now    map[string]int // posts in flight, by host
	all    int
	most   int
	wait   time.Duration
}

func newHosts(answer func(string, int) error) *hosts {
	return &hosts{answer: answer, tries: map[string]int{}, got: map[string][]string{}, at: map[string][]time.Time{}, now: map[string]int{}, wait: 20 * time.Millisecond}
}

func (h *hosts) post(ctx context.Context, inbox string, _ sign.Key, body []byte) error {
	h.mu.Lock()
	h.tries[inbox]++
	n := h.tries[inbox]
	h.at[inbox] = append(h.at[inbox], time.Now())
	h.now[inbox]++
	h.all++
	h.most = max(h.most, h.all)
	twice := h.now[inbox] > 1
	h.mu.Unlock()
	select {
	case <-time.After(h.wait):
	case <-ctx.Done():
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.now[inbox]--
	h.all--
	if twice {
		return errors.New("two at once for one host")
	}
	err := ctx.Err()
	if err == nil && h.trips != "" && string(body) == h.trips {
		err = status(500, 0)
	}
	if err == nil {
		err = h.answer(inbox, n)
	}
	if err == nil {
		h.got[inbox] = append(h.got[inbox], string(body))
	}
	return err
}

func open(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start delivers in the background; what it returns stops that.
func start(s *social.Store, h *hosts) (woken chan struct{}, stop func()) {
	woken = make(chan struct{}, 1)
	d := New(Config{
		Store: s, Post: h.post, Woken: woken, Log: slog.New(slog.DiscardHandler),
		Key: func(context.Context, social.Target) (sign.Key, error) { return sign.Key{}, nil },
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = d.Run(ctx) }()
	return woken, func() { cancel(); <-done }
}

func send(t *testing.T, s *social.Store, uri string, inboxes ...string) {
	t.Helper()
	out := social.Outgoing{URI: uri, By: social.Person, Body: []byte(uri)}
	for _, inbox := range inboxes {
		out.Inboxes = append(out.Inboxes, social.Recipient{Inbox: inbox, Host: inbox})
	}
	if err := s.Send(t.Context(), out, time.Now()); err != nil {
		t.Fatal(err)
	}
}

func queue(t *testing.T, s *social.Store) int {
	t.Helper()
	n, _, err := s.Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func status(code int, after time.Duration) error {
	return fmt.Errorf("post: %w", &remote.StatusError{Code: code, RetryAfter: after})
}

// Many hosts at once, each in order and one at a time.
func TestLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		h := newHosts(func(string, int) error { return nil })
		h.wait = 500 * time.Millisecond
		var all []string
		for i := range 200 {
			all = append(all, fmt.Sprintf("h%d.example", i))
		}
		for i := range 5 {
			send(t, s.Social(), fmt.Sprint(i), all...)
		}
		_, stop := start(s.Social(), h)
		time.Sleep(30 * time.Second)
		stop()
		if n := queue(t, s.Social()); n > 0 || h.most > atOnce || h.most < atOnce/2 {
			t.Errorf("%d left, %d at once", n, h.most)
		}
		for inbox, got := range h.got {
			if !slices.Equal(got, []string{"0", "1", "2", "3", "4"}) || h.tries[inbox] != 5 {
				t.Errorf("%s: %v after %d attempts", inbox, got, h.tries[inbox])
			}
		}
		if len(h.got) != 200 {
			t.Errorf("%d hosts", len(h.got))
		}
	})
}

// What follows from each kind of answer, over days.
func TestAnswers(t *testing.T) {
	always := func(err error) func(int) error { return func(int) error { return err } }
	for name, test := range map[string]struct {
		answer func(n int) error
		tries  int // in nine days
		got    int
	}{
		"taken":               {always(nil), 1, 1},
		"401 then taken":      {until(3, status(401, 0)), 3, 1},
		"408 then taken":      {until(3, status(408, 0)), 3, 1},
		"429 then taken":      {until(3, status(429, 0)), 3, 1},
		"500 then taken":      {until(8, status(500, 0)), 8, 1},
		"503 then taken":      {until(3, status(503, time.Hour)), 3, 1},
		"redirect then taken": {until(2, status(301, 0)), 2, 1},
		"dead":                {always(errors.New("connection refused")), attempts, 0},
		"400":                 {always(status(400, 0)), 1, 0},
		"403":                 {always(status(403, 0)), 1, 0},
		"404":                 {always(status(404, 0)), 1, 0},
		"410":                 {always(status(410, 0)), 1, 0},
		"413":                 {always(status(413, 0)), 1, 0},
		"501":                 {always(status(501, 0)), 1, 0},
		"forbidden address":   {always(remote.ErrForbidden), 1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := open(t)
				defer s.Close()
				h := newHosts(func(_ string, n int) error { return test.answer(n) })
				send(t, s.Social(), "a", "h.example")
				_, stop := start(s.Social(), h)
				time.Sleep(9 * 24 * time.Hour)
				stop()
				if h.tries["h.example"] != test.tries || len(h.got["h.example"]) != test.got || queue(t, s.Social()) != 0 {
					t.Errorf("%d attempts, %d taken, %d left", h.tries["h.example"], len(h.got["h.example"]), queue(t, s.Social()))
				}
			})
		})
	}
}

func until(n int, err error) func(int) error {
	return func(try int) error {
		if try < n {
			return err
		}
		return nil
	}
}

// What one host stumbles over, for days, keeps nothing else from it for longer than a minute.
func TestStumble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		h := newHosts(func(string, int) error { return nil })
		h.trips = "unheard of"
		for _, body := range []string{"a", h.trips, "b"} {
			send(t, s.Social(), body, "h.example")
		}
		woken, stop := start(s.Social(), h)
		time.Sleep(2 * time.Minute)
		for range 10 {
			synctest.Wait()
			send(t, s.Social(), fmt.Sprint(len(h.got["h.example"])), "h.example")
			woken <- struct{}{}
			time.Sleep(time.Minute)
		}
		synctest.Wait()
		if got := h.got["h.example"]; len(got) != 12 {
			t.Errorf("taken: %v", got)
		}
		time.Sleep(9 * 24 * time.Hour)
		stop()
		if list, err := s.Social().Hosts(t.Context()); err != nil || len(list) != 0 || queue(t, s.Social()) != 0 {
			t.Errorf("failing: %v, %v, %d left", list, err, queue(t, s.Social()))
		}
	})
}

// What most servers have no word for holds nothing else up, is given up soon, and a server that
// is down is told later all the same.
func TestUnheardOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		h := newHosts(func(string, int) error { return nil })
		h.trips = `{"type": "ApproveReply"}`
		for _, body := range []string{h.trips, "a", "b"} {
			send(t, s.Social(), body, "h.example")
		}
		_, stop := start(s.Social(), h)
		time.Sleep(time.Second)
		synctest.Wait()
		if got := h.got["h.example"]; len(got) != 2 {
			t.Errorf("taken at once: %v", got)
		}
		time.Sleep(time.Hour)
		stop()
		if n := h.tries["h.example"]; n != few+2 || queue(t, s.Social()) != 0 {
			t.Errorf("%d attempts, %d left", n, queue(t, s.Social()))
		}
		late := social.Delivery{Attempts: few, Body: []byte(h.trips)}
		if o := judge(late, status(502, 0), time.Now()); o.Done || !o.Hold {
			t.Errorf("down: %+v", o)
		}
	})
}

// Longer and longer, and what a host asks for.
func TestBackoff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		h := newHosts(func(inbox string, _ int) error {
			if inbox == "asks.example" {
				return status(503, 3*time.Hour)
			}
			return errors.New("no route")
		})
		h.wait = 0
		send(t, s.Social(), "a", "dead.example", "asks.example")
		_, stop := start(s.Social(), h)
		time.Sleep(5 * 24 * time.Hour)
		stop()
		gap := time.Minute
		list := h.at["dead.example"]
		for i := 1; i < len(list); i++ {
			if d := list[i].Sub(list[i-1]); d < gap*8/10 || d > gap*12/10+time.Second {
				t.Errorf("attempt %d after %v, want about %v", i+1, d, gap)
			}
			gap *= 2
		}
		if whole := list[len(list)-1].Sub(list[0]); whole < 48*time.Hour || whole > 96*time.Hour {
			t.Errorf("gave up after %v", whole)
		}
		for i, list := 1, h.at["asks.example"]; i < 5; i++ {
			if d := list[i].Sub(list[i-1]); d < 3*time.Hour {
				t.Errorf("asked for three hours, tried after %v", d)
			}
		}
	})
}

// A host that fails holds up nobody, and what waits for it keeps its order.
func TestOneDead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		up := time.Now().Add(20 * time.Minute)
		h := newHosts(func(inbox string, _ int) error {
			if inbox == "down.example" && time.Now().Before(up) {
				return status(502, 0)
			}
			return nil
		})
		for i := range 4 {
			send(t, s.Social(), fmt.Sprint(i), "down.example", "up.example")
		}
		_, stop := start(s.Social(), h)
		time.Sleep(time.Second)
		h.mu.Lock()
		if n := len(h.got["up.example"]); n != 4 {
			t.Errorf("%d of 4 at the other host", n)
		}
		if n := h.tries["down.example"]; n != 1 {
			t.Errorf("%d attempts at a host that is down", n)
		}
		h.mu.Unlock()
		time.Sleep(2 * time.Hour)
		stop()
		if got := h.got["down.example"]; !slices.Equal(got, []string{"0", "1", "2", "3"}) {
			t.Errorf("%v", got)
		}
	})
}

// A host that fails for a week is given up, and hears again once it speaks to us.
func TestParked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		social9 := s.Social()
		dead := true
		h := newHosts(func(string, int) error {
			if dead {
				return errors.New("no route")
			}
			return nil
		})
		woken, stop := start(social9, h)
		for day := range 9 {
			send(t, social9, fmt.Sprint("day", day), "h.example")
			woken <- struct{}{}
			time.Sleep(24 * time.Hour)
		}
		tries := h.tries["h.example"]
		list, err := social9.Hosts(t.Context())
		if err != nil || len(list) != 1 || !list[0].Parked || queue(t, social9) != 0 {
			t.Errorf("%+v, %v, %d left", list, err, queue(t, social9))
		}
		send(t, social9, "late", "h.example")
		time.Sleep(time.Hour)
		if h.tries["h.example"] != tries {
			t.Error("tried although given up")
		}
		dead = false
		if _, err := social9.Receive(t.Context(), []social.Received{{Activity: "hello", Host: "h.example"}}, time.Now()); err != nil {
			t.Error(err)
		}
		send(t, social9, "again", "h.example")
		time.Sleep(2 * time.Minute)
		stop()
		if got := h.got["h.example"]; !slices.Equal(got, []string{"again"}) {
			t.Errorf("%v", got)
		}
	})
}

// Who is gone is no longer a follower.
func TestGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		people, now := s.Social(), time.Now()
		for i, inboxes := range [][2]string{{"own1", "own1"}, {"own2", "shared"}, {"own3", "shared"}, {"own4", "own4"}} {
			id, err := people.SaveActor(t.Context(), social.Actor{URI: fmt.Sprint(i), Host: "h.example", Inbox: inboxes[0], SharedInbox: inboxes[1], FetchedAt: now})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := people.Follow(t.Context(), social.Person, id, fmt.Sprint(i), true, now); err != nil {
				t.Fatal(err)
			}
		}
		answers := map[string]error{"own1": status(404, 0), "shared": status(404, 0), "own4": nil}
		h := newHosts(func(inbox string, _ int) error { return answers[inbox] })
		_, stop := start(people, h)
		followers := func() []string {
			list, _, err := people.Followers(t.Context(), social.Person, 0, 9)
			if err != nil {
				t.Fatal(err)
			}
			var uris []string
			for _, f := range list {
				uris = append(uris, f.URI)
			}
			slices.Sort(uris)
			return uris
		}
		for i, want := range [][]string{{"1", "2", "3"}, {"3"}} { // first 404, then the shared inbox is 410
			if err := people.Send(t.Context(), social.Outgoing{URI: fmt.Sprint("x", i), By: social.Person, Followers: []social.Target{social.Person}}, time.Now()); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Hour)
			if got := followers(); !slices.Equal(got, want) {
				t.Errorf("%v follow, want %v", got, want)
			}
			answers["shared"] = status(410, 0)
		}
		stop()
	})
}

// Being stopped in the middle is no failure, and loses nothing.
func TestStopped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		h := newHosts(func(string, int) error { return nil })
		h.wait = time.Second
		for i := range 10 {
			send(t, s.Social(), fmt.Sprint(i), "a.example", "b.example")
		}
		for range 6 {
			_, stop := start(s.Social(), h)
			time.Sleep(2500 * time.Millisecond)
			stop()
		}
		_, failed, err := s.Social().Queue(t.Context())
		if err != nil || failed > 0 {
			t.Errorf("%d failed, %v", failed, err)
		}
		_, stop := start(s.Social(), h)
		time.Sleep(time.Minute)
		stop()
		for _, inbox := range slices.Sorted(maps.Keys(h.got)) {
			if len(h.got[inbox]) != 10 {
				t.Errorf("%s: %v", inbox, h.got[inbox])
			}
		}
	})
}

// What a clock that was ahead has put off goes out when the clock is right again.
func TestClockWasAhead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := open(t)
		defer s.Close()
		out := social.Outgoing{URI: "ahead", By: social.Person, Body: []byte("ahead"), Inboxes: []social.Recipient{{Inbox: "a.example", Host: "a.example"}}}
		years := time.Now().Add(5 * 365 * 24 * time.Hour)
		if err := s.Social().Send(t.Context(), out, years); err != nil {
			t.Fatal(err)
		}
		h := newHosts(func(string, int) error { return nil })
		_, stop := start(s.Social(), h)
		defer stop()
		time.Sleep(48 * time.Hour)
		if n := queue(t, s.Social()); n != 1 {
			t.Fatalf("%d wait", n)
		}
		now := time.Now()
		if err := s.Social().Recall(t.Context(), now, now.Add(4*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Minute) // it looks once a minute
		if n := queue(t, s.Social()); n != 0 {
			t.Errorf("%d wait still", n)
		}
		if err := s.Social().ForgetSent(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		if n, err := s.Social().Elsewhere(t.Context(), "https://none.example"); err != nil || n != 0 {
			t.Errorf("%d activities are kept, %v", n, err)
		}
	})
}

// What is ever put off lies within what Recall leaves alone.
func TestLongestWait(t *testing.T) {
	late := social.Delivery{Attempts: attempts - 2}
	for _, err := range []error{errors.New("timeout"), status(503, 24*time.Hour)} {
		if o := judge(late, err, time.Time{}); o.Again.Sub(time.Time{}) > 4*24*time.Hour {
			t.Errorf("%v is put off for %v", err, o.Again.Sub(time.Time{}))
		}
	}
}
