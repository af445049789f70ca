package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	"github.com/tubelet/tubelet/seed/metainfo"
)

const (
	greetTime   = 30 * time.Second
	helloBurst  = 400              // announces at once
	helloPause  = time.Second / 15 // between two announces after that
	stillHere   = 2 * time.Minute  // between two announces when nothing is new
	firstPause  = 5 * time.Second  // before a lost socket is opened again
	lastPause   = 10 * time.Minute
	refusePause = time.Hour // before asking again where we were refused
	maxOffers   = 8         // answered at a time
	maxWord     = 64 << 10  // bytes of a message
)

var errRefused = errors.New("the channel's creator does not want this mirror")

// home is the socket to the tracker of a channel's own server.
type home struct {
	m      *Mirror
	base   string
	id     [20]byte
	hello  word
	end    context.CancelFunc
	news   chan struct{}  // something to announce
	offers chan struct{}  // holds a place for each offer being answered
	work   sync.WaitGroup // that answer them
	said   map[metainfo.Hash]bool
}

// word is a message to or from a tracker; see seed/tracker.
type word struct {
	Action   string       `json:"action"`
	InfoHash string       `json:"info_hash,omitempty"`
	PeerID   string       `json:"peer_id,omitempty"`
	Event    string       `json:"event,omitempty"`
	Left     *int         `json:"left,omitempty"`
	ToPeerID string       `json:"to_peer_id,omitempty"`
	OfferID  string       `json:"offer_id,omitempty"`
	Offer    *description `json:"offer,omitempty"`
	Answer   *description `json:"answer,omitempty"`
	Failure  string       `json:"failure reason,omitempty"`

	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
	URL  string `json:"url,omitempty"`
	Port uint16 `json:"port,omitempty"`
}

type description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

func newHome(m *Mirror, base string, n notes, end context.CancelFunc) *home {
	h := &home{
		m: m, base: base, end: end, news: make(chan struct{}, 1), offers: make(chan struct{}, maxOffers),
		hello: word{Action: "mirror", ID: n.ID, Name: clip(n.Name, 100), URL: n.URL},
	}
	copy(h.id[:], "-TM0001-"+n.ID)
	return h
}

// clip shortens a name between two letters.
func clip(s string, most int) string {
	for len(s) > most {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}

// wake makes the home look at the shelf again.
func (h *home) wake() {
	select {
	case h.news <- struct{}{}:
	default:
	}
}

// run keeps a socket open until ctx ends or the channel is no longer mirrored.
func (h *home) run(ctx context.Context) {
	defer h.end()
	pause := firstPause
	for ctx.Err() == nil {
		begun := time.Now()
		err := h.visit(ctx)
		if ctx.Err() != nil {
			return
		}
		refused := errors.Is(err, errRefused)
		h.m.note(h.base, func(s *Status) { s.Connected, s.Refused = false, refused })
		h.m.log.Info("tracker left", "channel", h.base, "err", err)
		switch {
		case refused:
			pause = refusePause
		case time.Since(begun) > lastPause:
			pause = firstPause
		}
		select {
		case <-ctx.Done():
		case <-time.After(pause + rand.N(pause)): // a home that was away should not be overrun
		}
		pause = min(2*pause, lastPause)
	}
}

// visit is one socket's life.
func (h *home) visit(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	conn, err := h.greet(ctx)
	if err != nil {
		return err
	}
	defer conn.CloseNow()
	h.m.note(h.base, func(s *Status) { s.Connected, s.Refused = true, false })
	h.said = map[metainfo.Hash]bool{}
	failed := make(chan error, 1)
	go func() { failed <- h.listen(ctx, conn); cancel() }()
	err = h.announce(ctx, conn)
	_ = conn.CloseNow()
	heard := <-failed
	h.work.Wait()
	if errors.Is(err, context.Canceled) {
		return heard
	}
	return err
}

// greet opens the socket and waits for a welcome.
func (h *home) greet(ctx context.Context) (*websocket.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	address := "ws" + strings.TrimPrefix(h.base, "http") + "/tracker/socket"
	conn, _, err := websocket.Dial(ctx, address, &websocket.DialOptions{HTTPClient: h.m.client})
	if err != nil {
		return nil, err
	}
	conn.SetReadLimit(maxWord)
	h.hello.Port = h.port(ctx)
	err = h.say(ctx, conn, h.hello)
	var answer word
	if err == nil {
		answer, err = hear(ctx, conn)
	}
	switch {
	case err != nil:
	case answer.Action == "refuse":
		err = errRefused
	case answer.Action != "welcome":
		err = fmt.Errorf("the tracker said %q and not welcome", answer.Action)
	}
	if err != nil {
		_ = conn.CloseNow()
		return nil, err
	}
	return conn, nil
}

// port is where the seed takes TCP and uTP, 0 for nowhere. One that the system chooses is
// known once the seed listens.
func (h *home) port(ctx context.Context) uint16 {
	if h.m.seed == nil || h.m.cfg.Listen == "" {
		return 0
	}
	_, text, _ := net.SplitHostPort(h.m.cfg.Listen)
	if port, err := strconv.ParseUint(text, 10, 16); err == nil && port != 0 {
		return uint16(port)
	}
	for range 100 {
		if listen, err := netip.ParseAddrPort(h.m.seed.Stats().Listen); err == nil {
			return listen.Port()
		}
		if sleep(ctx, 100*time.Millisecond) != nil {
			break
		}
	}
	return 0
}

// announce says what is on the shelf, and what is no longer.
func (h *home) announce(ctx context.Context, conn *websocket.Conn) error {
	count := 0
	for {
		now := map[metainfo.Hash]bool{}
		for _, f := range h.m.shelf.list() {
			if f.Base != h.base || h.m.seed == nil {
				continue
			}
			now[f.hash] = true
			if h.said[f.hash] {
				continue
			}
			if count++; count > helloBurst {
				if err := sleep(ctx, helloPause); err != nil {
					return err
				}
			}
			if err := h.say(ctx, conn, h.about(f.hash, "")); err != nil {
				return err
			}
			h.said[f.hash] = true
		}
		for hash := range h.said {
			if !now[hash] {
				delete(h.said, hash)
				if err := h.say(ctx, conn, h.about(hash, "stopped")); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-h.news:
		case <-time.After(stillHere): // the tracker cuts off who is silent
			for hash := range now {
				delete(h.said, hash)
				break
			}
		}
	}
}

// about is what the mirror says of one file.
func (h *home) about(hash metainfo.Hash, event string) word {
	none := 0
	return word{Action: "announce", InfoHash: latin(hash), PeerID: latin(h.id), Event: event, Left: &none}
}

// listen hears the tracker: offers, and files that it does not know any more.
func (h *home) listen(ctx context.Context, conn *websocket.Conn) error {
	for {
		w, err := hear(ctx, conn)
		if err != nil {
			return err
		}
		hash, ok := fromLatin(w.InfoHash)
		switch {
		case !ok:
		case w.Failure == "unknown infohash":
			h.m.doubt(hash)
		case w.Offer != nil && h.m.seed != nil:
			h.answer(ctx, conn, hash, w)
		}
	}
}

// answer lets the seed answer an offer. Who comes while it is busy tries another peer.
func (h *home) answer(ctx context.Context, conn *websocket.Conn, hash metainfo.Hash, w word) {
	select {
	case h.offers <- struct{}{}:
	default:
		return
	}
	h.work.Go(func() {
		defer func() { <-h.offers }()
		sdp, err := h.m.seed.Answer(ctx, hash, w.Offer.SDP)
		if err != nil {
			h.m.log.Debug("offer not answered", "infohash", hash, "err", err)
			return
		}
		_ = h.say(ctx, conn, word{ // the reader notices when it fails
			Action: "announce", InfoHash: w.InfoHash, PeerID: latin(h.id), ToPeerID: w.PeerID,
			OfferID: w.OfferID, Answer: &description{"answer", sdp},
		})
	})
}

func (h *home) say(ctx context.Context, conn *websocket.Conn, w word) error {
	b, err := json.Marshal(w)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, greetTime)
	defer cancel()
	return conn.Write(ctx, websocket.MessageText, b)
}

func hear(ctx context.Context, conn *websocket.Conn) (word, error) {
	_, b, err := conn.Read(ctx)
	if err != nil {
		return word{}, err
	}
	var w word
	if err := json.Unmarshal(b, &w); err != nil {
		return word{}, fmt.Errorf("read the tracker's message: %w", err)
	}
	return w, nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// latin writes 20 bytes as the WebTorrent protocol does: a character for each.
func latin(b [20]byte) string {
	var s strings.Builder
	for _, c := range b {
		s.WriteRune(rune(c))
	}
	return s.String()
}

func fromLatin(s string) (b metainfo.Hash, ok bool) {
	if utf8.RuneCountInString(s) != len(b) {
		return b, false
	}
	i := 0
	for _, r := range s {
		if r > 0xff {
			return b, false
		}
		b[i] = byte(r)
		i++
	}
	return b, true
}
