package tracker

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"
)

// socket is one WebSocket. It has one goroutine while nothing is to be sent: thousands of
// them wait, and a goroutine is most of what a waiting socket costs.
type socket struct {
	t       *Tracker
	conn    *websocket.Conn
	raw     net.Conn
	addr    netip.Addr
	visitor *visitor
	own     bool         // from our page, or from a program
	reports bucket       // the reader's
	heard   atomic.Int64 // when it last said something, in nanoseconds since it came
	came    time.Time

	// Guarded by the tracker's mutex.
	members []*member
	viewers []*viewer
	mirror  *mirror
	greeted bool // it said, once, that it is a mirror

	mu       sync.Mutex // guards what follows
	messages bucket
	patient  bool // a mirror: it announces all it has at once
	queue    [][]byte
	queued   int  // bytes in it
	writing  bool // somebody empties it
	closed   bool
}

// Socket answers /tracker/socket.
func (t *Tracker) Socket(w http.ResponseWriter, r *http.Request) {
	s, status := t.admit(r)
	if s == nil {
		http.Error(w, http.StatusText(status), status)
		return
	}
	modest := &modestWriter{ResponseWriter: w}
	conn, err := websocket.Accept(modest, r, &websocket.AcceptOptions{
		InsecureSkipVerify: true, // other sites' players are welcome, as they are to the media
		CompressionMode:    websocket.CompressionDisabled,
		OnPingReceived:     func(context.Context, []byte) bool { return s.control(time.Now()) },
		OnPongReceived:     func(context.Context, []byte) { s.control(time.Now()) },
	})
	if err != nil {
		t.dismiss(s)
		t.work.Done()
		return // Accept has answered
	}
	conn.SetReadLimit(maxMessage)
	t.mu.Lock()
	s.conn, s.raw = conn, modest.conn
	if t.ended {
		s.cut()
	}
	t.mu.Unlock()
	// The handler returns, so that what the server keeps for a request can go.
	go s.serve()
}

// admit counts a new socket in, or says with which status it is refused.
func (t *Tracker) admit(r *http.Request) (*socket, int) {
	origin := r.Header.Get("Origin")
	own := origin == "" || t.cfg.OwnOrigin != nil && t.cfg.OwnOrigin(origin)
	addr := t.address(r)
	t.mu.Lock()
	defer t.mu.Unlock()
	v := t.visitor(addr)
	switch {
	case t.ended, len(t.sockets) >= maxSockets:
		return nil, http.StatusServiceUnavailable
	case v.sockets >= maxPerAddress:
		return nil, http.StatusTooManyRequests
	}
	s := &socket{t: t, addr: addr, visitor: v, own: own, came: time.Now()}
	v.sockets++
	t.sockets[s] = struct{}{}
	t.work.Add(1)
	return s, 0
}

// dismiss counts a socket out of everything it was in.
func (t *Tracker) dismiss(s *socket) {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for len(s.viewers) > 0 {
		t.leave(now, s.viewers[0])
	}
	for len(s.members) > 0 {
		t.remove(now, s.members[len(s.members)-1])
	}
	if s.mirror != nil {
		s.visitor.mirrors--
		t.mirrors--
		t.log.Info("mirror left", "mirror", s.mirror.ID)
	}
	s.visitor.sockets--
	delete(t.sockets, s)
}

// serve reads messages until the socket closes or its peer misbehaves.
func (s *socket) serve() {
	defer s.t.work.Done()
	defer s.t.dismiss(s)
	defer s.cut()
	// The library keeps a connection for ever that nobody closed in its own way.
	defer func() { _ = s.conn.CloseNow() }()
	for {
		_ = s.raw.SetReadDeadline(time.Now().Add(s.patience()))
		_, r, err := s.conn.Reader(context.Background())
		if err != nil {
			return
		}
		s.hear(time.Now())
		_ = s.raw.SetReadDeadline(time.Now().Add(messageTime))
		buf, _ := s.t.buffers.Get().(*bytes.Buffer)
		if buf == nil {
			buf = &bytes.Buffer{}
		}
		_, err = buf.ReadFrom(r)
		ok := err == nil && s.mayTalk(time.Now()) && s.handle(buf.Bytes())
		if buf.Cap() <= maxMessage { // one long message should not stay for ever
			buf.Reset()
			s.t.buffers.Put(buf)
		}
		if !ok {
			_ = s.raw.SetDeadline(time.Now().Add(time.Second))
			_ = s.conn.Close(websocket.StatusPolicyViolation, "")
			return
		}
	}
}

// handle does what a message asks for, on another stack: one that has once read JSON stays
// large, and this one would be kept while the socket waits.
func (s *socket) handle(b []byte) bool {
	done := make(chan bool, 1)
	go func() { done <- s.t.handle(s, b) }()
	return <-done
}

// patience is how long the next message may take.
func (s *socket) patience() time.Duration {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if len(s.members) == 0 && len(s.viewers) == 0 && s.mirror == nil {
		return strangerTime
	}
	return idleTime
}

// mayTalk counts a message or a ping.
func (s *socket) mayTalk(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.patient {
		return s.messages.take(now, 1, guestRate, guestBurst)
	}
	return s.messages.take(now, 1, messageRate, messageBurst)
}

// control counts a ping or a pong, which shows that the other side is there. One too many
// cuts the socket: the library reads on by itself.
func (s *socket) control(now time.Time) bool {
	if !s.mayTalk(now) {
		s.cut()
		return false
	}
	s.hear(now)
	_ = s.raw.SetReadDeadline(now.Add(s.patience()))
	return true
}

// hear notes when the other side said something, and silence how long it has not. No clock that
// is set moves them.
func (s *socket) hear(now time.Time) { s.heard.Store(int64(now.Sub(s.came))) }

func (s *socket) silence(now time.Time) time.Duration {
	return now.Sub(s.came) - time.Duration(s.heard.Load())
}

// ping asks whether somebody is there still. Proxies close what is silent for a minute,
// and a viewer who is alone has nothing to say.
func (s *socket) ping() {
	ctx, cancel := context.WithTimeout(context.Background(), messageTime)
	defer cancel()
	_ = s.conn.Ping(ctx) // without an answer the reader's deadline ends the socket
}

// send queues a message. A reader too slow for what it is sent is cut off.
func (s *socket) send(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		return // every message is made of strings and numbers
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return
	}
	if len(s.queue) >= maxQueue || s.queued+len(b) > maxQueued {
		s.shut()
		return
	}
	s.queue = append(s.queue, b)
	s.queued += len(b)
	if !s.writing {
		s.writing = true
		s.t.work.Go(s.flush)
	}
}

// flush writes what is queued, then ends.
func (s *socket) flush() {
	for {
		s.mu.Lock()
		batch := s.queue
		s.queue, s.queued = nil, 0
		if len(batch) == 0 || s.closed {
			s.writing = false
			s.mu.Unlock()
			return
		}
		s.mu.Unlock()
		_ = s.raw.SetWriteDeadline(time.Now().Add(writeTime))
		for _, b := range batch {
			if err := s.conn.Write(context.Background(), websocket.MessageText, b); err != nil {
				s.cut()
				break
			}
		}
		_ = s.raw.SetWriteDeadline(time.Time{}) // pongs are not ours to time
	}
}

// cut closes the connection; the reader notices and does the rest.
func (s *socket) cut() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shut()
}

func (s *socket) shut() {
	s.closed = true
	s.queue = nil
	if s.raw != nil { // it may not be accepted yet
		_ = s.raw.Close()
	}
}

// modestWriter hands over the connection with small buffers in the place of the server's
// 8 KiB, and remembers it.
type modestWriter struct {
	http.ResponseWriter
	conn net.Conn
}

// Hijack keeps what the client sent before it was answered.
func (w *modestWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	const small = 512
	conn, server, err := http.NewResponseController(w.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	early, _ := server.Reader.Peek(server.Reader.Buffered())
	r := bufio.NewReaderSize(bytes.NewReader(early), max(small, len(early)))
	_, _ = r.Peek(len(early)) // websocket.Accept takes over what is buffered, and only that
	w.conn = conn
	return conn, bufio.NewReadWriter(r, bufio.NewWriterSize(conn, small)), nil
}
