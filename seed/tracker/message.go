package tracker

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/tubelet/tubelet/seed/swarm"
)

// Messages are JSON objects. Those of the WebTorrent protocol have 20-byte ids as strings of
// 20 characters up to U+00FF:
//
//	-> announce  info_hash peer_id event? left? numwant? offers[{offer{type sdp} offer_id}]
//	-> announce  info_hash peer_id to_peer_id answer{type sdp} offer_id
//	-> scrape    info_hash (one, or a list)
//	<- announce  info_hash interval complete incomplete
//	<- announce  info_hash peer_id offer_id offer | answer
//	<- announce  info_hash "failure reason"
//	<- scrape    files{info_hash: {complete incomplete downloaded}}
//
// Ours have the same ids in hex. A client that knows only the first kind closes its socket
// when it gets one of the second, so they go only to who sent one.
//
//	-> join      info_hash peer_id
//	-> report    info_hash position rate paused hidden standing peers have? wishes fetching received
//	-> leave     info_hash
//	-> mirror    id name url port?
//	<- swarm     info_hash viewers mirrors proven (bits a second that others say we gave them) ticket
//	             (a secret: what our own requests for media name us by)
//	<- grant     info_hash pieces
//	<- hint      info_hash short height
//	<- refuse    info_hash reason
//	<- welcome   interval (to a mirror)
type message struct {
	Action   string          `json:"action"`
	InfoHash json.RawMessage `json:"info_hash"`
	PeerID   string          `json:"peer_id"`

	Event    string          `json:"event"`
	Left     json.RawMessage `json:"left"` // a number, or whatever a client makes of infinity
	Offers   []offer         `json:"offers"`
	ToPeerID string          `json:"to_peer_id"`
	OfferID  string          `json:"offer_id"`
	Answer   *description    `json:"answer"`

	Position float64              `json:"position"`
	Rate     float64              `json:"rate"`
	Paused   bool                 `json:"paused"`
	Hidden   bool                 `json:"hidden"`
	Standing bool                 `json:"standing"`
	Peers    int                  `json:"peers"`
	Have     []byte               `json:"have"`
	Wishes   []int                `json:"wishes"`
	Fetching []int                `json:"fetching"`
	Received map[swarm.Peer]int64 `json:"received"`

	ID   string `json:"id"`
	Name string `json:"name"`
	URL  string `json:"url"`
	Port uint16 `json:"port"`
}

type offer struct {
	Offer   description `json:"offer"`
	OfferID string      `json:"offer_id"`
}

// description is one half of a WebRTC handshake. Nothing else that a stranger puts beside
// these two is passed on.
type description struct {
	Type string `json:"type"`
	SDP  string `json:"sdp"`
}

func (d description) ok(kind string) bool {
	return d.Type == kind && d.SDP != "" && len(d.SDP) <= maxSDP
}

var errMessage = errors.New("not a message of this protocol")

// parse reads a message and bounds its lists.
func parse(b []byte) (message, error) {
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		return message{}, fmt.Errorf("%w: %w", errMessage, err)
	}
	if len(m.Wishes) > maxPieces || len(m.Fetching) > maxPieces || len(m.Received) > maxReceived {
		return message{}, fmt.Errorf("%w: its lists are too long", errMessage)
	}
	// 100 bytes are 50 characters that JSON needs two bytes for: more than any client's id.
	if len(m.OfferID) > 100 {
		return message{}, fmt.Errorf("%w: its offer id is too long", errMessage)
	}
	m.Offers = m.Offers[:min(len(m.Offers), maxOffers)]
	return m, nil
}

// text returns the message's infohash as the string it is, empty if it is none.
func (m message) text() string {
	var s string
	if err := json.Unmarshal(m.InfoHash, &s); err != nil {
		return ""
	}
	return s
}

// whole reports whether a peer has all of the file.
func (m message) whole() bool {
	var left float64
	return json.Unmarshal(m.Left, &left) == nil && left == 0 && string(m.Left) != "null" || m.Event == "completed"
}

// report is what the scheduler wants to know.
func (m message) report() swarm.Report {
	return swarm.Report{
		Position: m.Position, Rate: m.Rate, Paused: m.Paused, Hidden: m.Hidden, Standing: m.Standing, Connected: m.Peers,
		Have: m.Have, Wishes: m.Wishes, Fetching: m.Fetching, Received: m.Received,
	}
}

// peerID is the 20 bytes by which a peer calls itself.
type peerID [20]byte

func (p peerID) hex() swarm.Peer { return swarm.Peer(hex.EncodeToString(p[:])) }

// fromBinary reads 20 bytes from a string of 20 characters up to U+00FF.
func fromBinary(s string) (id [20]byte, ok bool) {
	if utf8.RuneCountInString(s) != len(id) {
		return id, false
	}
	i := 0
	for _, r := range s {
		if r > 0xff {
			return [20]byte{}, false
		}
		id[i] = byte(r)
		i++
	}
	return id, true
}

// fromHex reads 20 bytes from 40 hex digits.
func fromHex(s string) (id [20]byte, ok bool) {
	if len(s) != 2*len(id) {
		return id, false
	}
	_, err := hex.Decode(id[:], []byte(s))
	return id, err == nil
}

// binary is 20 bytes written as the WebTorrent protocol does.
type binary [20]byte

// MarshalText makes one character of each byte.
func (b binary) MarshalText() ([]byte, error) {
	text := make([]byte, 0, 2*len(b))
	for _, c := range b {
		text = utf8.AppendRune(text, rune(c))
	}
	return text, nil
}

type (
	announced struct {
		Action     string `json:"action"`
		InfoHash   binary `json:"info_hash"`
		Interval   int    `json:"interval"`
		Complete   int    `json:"complete"`
		Incomplete int    `json:"incomplete"`
	}
	introduction struct {
		Action   string       `json:"action"`
		InfoHash binary       `json:"info_hash"`
		PeerID   binary       `json:"peer_id"`
		OfferID  string       `json:"offer_id"`
		Offer    *description `json:"offer,omitempty"`
		Answer   *description `json:"answer,omitempty"`
	}
	failure struct {
		Action   string `json:"action"`
		InfoHash binary `json:"info_hash"`
		Reason   string `json:"failure reason"`
	}
	scraped struct {
		Action string            `json:"action"`
		Files  map[binary]counts `json:"files"`
	}
	counts struct {
		Complete   int `json:"complete"`
		Incomplete int `json:"incomplete"`
		Downloaded int `json:"downloaded"`
	}

	news struct {
		Action   string `json:"action"`
		InfoHash string `json:"info_hash"`
		Viewers  int    `json:"viewers"`
		Mirrors  int    `json:"mirrors"`
		Proven   int64  `json:"proven"`
		Ticket   string `json:"ticket"`
	}
	grant struct {
		Action   string `json:"action"`
		InfoHash string `json:"info_hash"`
		Pieces   []int  `json:"pieces"`
	}
	hint struct {
		Action   string `json:"action"`
		InfoHash string `json:"info_hash"`
		Short    bool   `json:"short"`
		Height   int    `json:"height"`
	}
	refusal struct {
		Action   string `json:"action"`
		InfoHash string `json:"info_hash"`
		Reason   string `json:"reason"`
	}
	welcome struct {
		Action   string `json:"action"`
		Interval int    `json:"interval"`
	}
)

// Reasons that peers are told.
const (
	reasonUnknown = "unknown infohash"
	reasonOften   = "too many announces, try again later"
	reasonFull    = "too many peers"
	reasonTaken   = "this peer id is taken"
	reasonID      = "a peer id has 20 bytes"
	reasonOrigin  = "only pages of this site may join"
	reasonMirror  = "mirrors are not welcome here"
)
