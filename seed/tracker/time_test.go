package tracker_test

import (
	"context"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/seed/swarm"
	"github.com/tubelet/tubelet/seed/tracker"
)

// pipes is a network in memory, on which time can be virtual.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p pipes) Accept() (net.Conn, error) {
	select {
	case conn := <-p.conns:
		return conn, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p pipes) Close() error   { close(p.done); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// quick runs f in virtual time with a tracker.
func quick(t *testing.T, change func(*tracker.Config), f func(t *testing.T, r rig, dial func(id byte) client)) {
	synctest.Test(t, func(t *testing.T) {
		room := media()
		cfg := tracker.Config{
			Coordinator: swarm.New(origin{}),
			Find: func(h metainfo.Hash) (tracker.Swarm, bool) {
				return tracker.Swarm{Video: "k3v9", Room: room}, h == video
			},
		}
		if change != nil {
			change(&cfg)
		}
		made := tracker.New(cfg)
		network := pipes{make(chan net.Conn), make(chan struct{})}
		server := &http.Server{Handler: http.HandlerFunc(made.Socket)}
		served := make(chan struct{})
		go func() { defer close(served); _ = server.Serve(network) }()
		ctx, end := context.WithCancel(t.Context())
		ran := make(chan struct{})
		go func() { defer close(ran); _ = made.Run(ctx) }()
		web := &http.Client{Transport: &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			network.conns <- theirs
			return ours, nil
		}}}
		f(t, rig{t, made, ""}, func(id byte) client {
			conn, _, err := websocket.Dial(t.Context(), "ws://tube.example/tracker/socket", &websocket.DialOptions{HTTPClient: web})
			if err != nil {
				t.Fatal(err)
			}
			return client{t, conn, [20]byte{id}}
		})
		end()
		<-ran
		_ = server.Close()
		<-served
	})
}

// lasts returns how long a socket stays open.
func (c client) lasts() time.Duration {
	begun := time.Now()
	for {
		if _, _, err := c.conn.Read(c.t.Context()); err != nil {
			_ = c.conn.CloseNow()
			return time.Since(begun)
		}
	}
}

// TestIdle: a socket that is in no swarm is closed after half a minute; who is in one stays
// as long as it answers pings, and is missed two minutes later at the latest.
func TestIdle(t *testing.T) {
	quick(t, nil, func(t *testing.T, r rig, dial func(byte) client) {
		if d := dial('s').lasts(); d != 30*time.Second {
			t.Errorf("a stranger stayed %v, want 30s", d)
		}
		viewer := dial('v')
		viewer.join(video)
		left := make(chan time.Duration)
		go func() { left <- viewer.lasts() }() // reading answers pings
		peer := dial('p')
		peer.announce(video, 100, 0)
		time.Sleep(20 * time.Second)
		synctest.Wait()
		if s := r.Stats(); s.Sockets != 2 {
			t.Errorf("after 20s of silence %d sockets, want 2", s.Sockets)
		}
		time.Sleep(2 * time.Minute) // it does not read, so it answers no ping
		synctest.Wait()
		if s := r.Stats(); s.Sockets != 1 || s.Viewers != 1 || s.Swarms[0].Peers != 0 {
			t.Errorf("after 2m20s of silence: %+v", s)
		}
		peer.conn.CloseNow()
		time.Sleep(time.Hour)
		synctest.Wait()
		if s := r.Stats(); s.Viewers != 1 {
			t.Errorf("a lone viewer was cut: %+v", s)
		}
		viewer.conn.CloseNow()
		if d := <-left; d < time.Hour {
			t.Errorf("the viewer stayed %v", d)
		}
		synctest.Wait()
		if s := r.Stats(); s.Sockets != 0 || len(s.Swarms) != 0 {
			t.Errorf("left over: %+v", s)
		}
	})
}

// TestSlowSender: a message that does not end is not waited for.
func TestSlowSender(t *testing.T) {
	quick(t, nil, func(t *testing.T, r rig, dial func(byte) client) {
		peer := dial('p')
		peer.announce(video, 100, 0)
		w, err := peer.conn.Writer(t.Context(), websocket.MessageText)
		if err != nil {
			t.Fatal(err)
		}
		// The library sends the frame once its own buffer is full.
		if _, err := w.Write(make([]byte, 8<<10)); err != nil {
			t.Fatal(err)
		}
		if d := peer.lasts(); d != 20*time.Second {
			t.Errorf("it was waited for %v, want 20s", d)
		}
	})
}

// TestUnpublished: a swarm ends soon after its video is no longer public.
func TestUnpublished(t *testing.T) {
	var private atomic.Bool
	change := func(cfg *tracker.Config) {
		find := cfg.Find
		cfg.Find = func(h metainfo.Hash) (tracker.Swarm, bool) {
			s, ok := find(h)
			return s, ok && !private.Load()
		}
	}
	quick(t, change, func(t *testing.T, r rig, dial func(byte) client) {
		peer, viewer := dial('p'), dial('v')
		peer.announce(video, 100, 0)
		viewer.join(video)
		private.Store(true)
		begun := time.Now()
		if got := viewer.next("refuse"); got["info_hash"] != video.String() {
			t.Errorf("told %v", got)
		}
		if got := peer.next("announce"); got["failure reason"] == nil {
			t.Errorf("told %v", got)
		}
		if d := time.Since(begun); d > 15*time.Second {
			t.Errorf("it took %v", d)
		}
		if s := r.Stats(); len(s.Swarms) != 0 || s.Viewers != 0 {
			t.Errorf("left over: %+v", s)
		}
		peer.conn.CloseNow()
		viewer.conn.CloseNow()
	})
}

// TestMirrorRefusedLater: a mirror that was welcome can be sent away.
func TestMirrorRefusedLater(t *testing.T) {
	var refused atomic.Bool
	change := func(cfg *tracker.Config) {
		cfg.MirrorAllowed = func(string, string) bool { return !refused.Load() }
	}
	quick(t, change, func(t *testing.T, r rig, dial func(byte) client) {
		m := dial('m')
		m.send(hello('m', "a friend"))
		m.next("welcome")
		m.announce(video, 0, 0)
		refused.Store(true)
		if d := m.lasts(); d > 15*time.Second {
			t.Errorf("it stayed %v", d)
		}
		synctest.Wait()
		if s := r.Stats(); len(s.Mirrors) != 0 || len(s.Swarms) != 0 {
			t.Errorf("left over: %+v", s)
		}
	})
}

// TestCrowdNews: viewers of a crowd are not told of everybody who comes.
func TestCrowdNews(t *testing.T) {
	change := func(cfg *tracker.Config) { cfg.Address = nil }
	quick(t, change, func(t *testing.T, r rig, dial func(byte) client) {
		first := dial(1)
		first.join(video)
		told := make(chan int)
		go func() {
			n := 0
			for {
				if _, _, err := first.conn.Read(context.Background()); err != nil {
					told <- n
					return
				}
				n++
			}
		}()
		var crowd []client
		for i := range 49 { // an address may open a hundred sockets and announce sixty times
			time.Sleep(1100 * time.Millisecond)
			c := dial(byte(i + 2))
			c.join(video)
			crowd = append(crowd, c)
		}
		time.Sleep(time.Minute)
		synctest.Wait()
		first.conn.CloseNow()
		if n := <-told; n < 8 || n > 30 {
			t.Errorf("told %d times of 49 others", n)
		}
		for _, c := range crowd {
			c.conn.CloseNow()
		}
	})
}
