package fed_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// wires are a network of pipes, on which time can be virtual.
type wires struct {
	mu    sync.Mutex
	lines map[string]*line // by address
}

// line is a listener.
type line struct {
	domain string
	conns  chan net.Conn
	ended  chan struct{}
	end    func()
	cut    bool // nobody gets through, either way
}

func (l *line) Accept() (net.Conn, error) {
	select {
	case conn := <-l.conns:
		return conn, nil
	case <-l.ended:
		return nil, net.ErrClosed
	}
}

func (l *line) Close() error   { l.end(); return nil }
func (l *line) Addr() net.Addr { return &net.TCPAddr{} }

// ground returns the next free place for a channel.
func (w *wires) ground(t *testing.T) (ground, *line) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l := &line{domain: fmt.Sprintf("127.0.0.%d:80%02d", len(w.lines)+1, len(w.lines)+1), conns: make(chan net.Conn), ended: make(chan struct{})}
	l.end = sync.OnceFunc(func() { close(l.ended) })
	w.lines[l.domain] = l
	listen := func(h http.Handler) string {
		server := &http.Server{Handler: h}
		go func() { _ = server.Serve(l) }()
		t.Cleanup(func() { _ = server.Close() })
		return l.domain
	}
	return ground{listen, func(ctx context.Context, _, address string) (net.Conn, error) { return w.dial(ctx, l, address) }}, l
}

func (w *wires) dial(ctx context.Context, from *line, address string) (net.Conn, error) {
	w.mu.Lock()
	to := w.lines[address]
	cut := to == nil || to.cut || from.cut
	w.mu.Unlock()
	if cut {
		return nil, errors.New("no route to host")
	}
	here, there := net.Pipe()
	select {
	case to.conns <- there:
		return here, nil
	case <-to.ended:
		return nil, errors.New("connection refused")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (w *wires) cut(l *line, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	l.cut = cut
}

// says puts an activity on its way to another channel, as everything of ours goes: by the queue of
// who says it.
func (b *tubelet) says(t *testing.T, to *tubelet, kind string, object any, more ...any) string {
	t.Helper()
	activity := b.does(kind, object, more...)
	host := strings.TrimPrefix(to.url, "http://")
	out := social.Outgoing{URI: activity.ID(), By: social.Person, Body: encode(t, activity), Inboxes: []social.Recipient{{Inbox: to.url + "/inbox", Host: host}}}
	if err := b.store.Social().Send(t.Context(), out, time.Now()); err != nil {
		t.Fatal(err)
	}
	return activity.ID()
}

// took returns how many activities from another channel have been worked on whose ids hold a text.
func (b *tubelet) took(t *testing.T, from *tubelet, text string) int {
	t.Helper()
	db, err := lite.Connect(filepath.Join(b.data, "tubelet.db"), 1, "&_query_only=1")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	n, err := lite.One(t.Context(), db, lite.Value[int], "select count(*) from inbox where state <> 'queued' and host = ? and instr(activity, ?) > 0", strings.TrimPrefix(from.url, "http://"), text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (b *tubelet) waiting(t *testing.T) (all, failed int) {
	t.Helper()
	all, failed, err := b.store.Social().Queue(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return all, failed
}

// Channels that all work by themselves, and of which each follows all others, and talks with them. For
// two hours the last cannot be reached, and reaches nobody. When it is back, all has come to everybody,
// and once.
func TestHoursOfRetries(t *testing.T) {
	for _, n := range []int{2, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) { synctest.Test(t, func(t *testing.T) { hours(t, n) }) })
	}
}

// crowd are channels that follow each other, each with a film.
type crowd struct {
	wires *wires
	all   []*tubelet
	lines []*line
	film  map[*tubelet]string
}

// each does something with every two of them, both ways.
func (c *crowd) each(do func(a, b *tubelet)) {
	for _, a := range c.all {
		for _, b := range c.all {
			if a != b {
				do(a, b)
			}
		}
	}
}

// comment is what b says under a's film.
func (c *crowd) comment(t *testing.T, a, b *tubelet, name string) {
	b.says(t, a, "Create", b.serve(name+c.film[a], a.url+"/videos/"+c.film[a], "<p>Fine!</p>"))
}

func newCrowd(t *testing.T, n int) *crowd {
	c := &crowd{&wires{lines: map[string]*line{}}, make([]*tubelet, n), make([]*line, n), map[*tubelet]string{}}
	for i := range c.all {
		var on ground
		on, c.lines[i] = c.wires.ground(t)
		c.all[i] = newTubeletOn(t, fmt.Sprint("chan", i), on)
		c.all[i].run(t)
	}
	c.each(func(a, b *tubelet) { b.says(t, a, "Follow", a.person()) })
	time.Sleep(time.Minute)
	c.each(func(a, b *tubelet) {
		if b.took(t, a, "/activities/accept/") != 1 {
			t.Errorf("%s has no Accept of %s", b.url, a.url)
		}
	})
	for _, a := range c.all {
		c.film[a] = a.publish(t, "A film").ID
	}
	time.Sleep(time.Minute)
	return c
}

func hours(t *testing.T, n int) {
	c := newCrowd(t, n)
	// All of them like, boost and comment on the film of all others.
	c.each(func(a, b *tubelet) {
		for _, kind := range []string{fed.Like, fed.Boost} {
			if _, err := b.DoAt(t.Context(), kind, a.url+"/videos/"+c.film[a]); err != nil {
				t.Fatal(err)
			}
		}
		c.comment(t, a, b, "first")
	})
	time.Sleep(time.Minute)

	// The last is cut off, and all go on talking.
	last := c.all[n-1]
	c.wires.cut(c.lines[n-1], true)
	for _, a := range c.all {
		a.publish(t, "Another film")
	}
	c.each(func(a, b *tubelet) {
		said := a.waitComment(t, b.url+"/notes/first"+c.film[a])
		if _, err := a.Reply(t.Context(), c.film[a], said.ID, "Thank you"); err != nil {
			t.Fatal(err)
		}
		if _, err := a.DoTo(t.Context(), fed.Like, said.ID); err != nil {
			t.Fatal(err)
		}
		c.comment(t, a, b, "second")
	})
	time.Sleep(100 * time.Minute)
	c.each(func(a, b *tubelet) {
		away := a == last || b == last
		if _, failed := a.waiting(t); away && failed == 0 {
			t.Errorf("nothing that %s says fails", a.url)
		}
		if got, want := b.took(t, a, "/activities/create/"), 2; away != (got < want) {
			t.Errorf("%s has %d of %d films of %s", b.url, got, want, a.url)
		}
	})
	c.wires.cut(c.lines[n-1], false)
	time.Sleep(50 * time.Minute) // the eighth attempt comes after two hours, more or less
	c.complete(t)
}

// complete checks that all that was said has come to everybody, once, and nothing is left to say.
func (c *crowd) complete(t *testing.T) {
	others := len(c.all) - 1
	c.each(func(a, b *tubelet) {
		for what, want := range map[string]int{"create": 2, "create-comment": others, "boost": others, "like": 2, "test": 3} { // test: Follow, comments
			if got := b.took(t, a, "/activities/"+what+"/"); got != want {
				t.Errorf("%s took %d of %d %s of %s", b.url, got, want, what, a.url)
			}
		}
	})
	for _, a := range c.all {
		if waits, _ := a.waiting(t); waits != 0 {
			t.Errorf("%s has still %d on their way", a.url, waits)
		}
		n := int64(others) // each has two comments here, of which one is answered
		if got, want := a.counts(t, c.film[a]), (social.Counts{Likes: n, Boosts: n, Comments: 3 * n}); got != want {
			t.Errorf("%s: %+v, want %+v", a.url, got, want)
		}
	}
}
