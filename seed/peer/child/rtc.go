package child

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/webrtc/v4"

	"github.com/tubelet/tubelet/seed/peer/stun"
)

const (
	maxOffer   = 16 << 10 // bytes
	connectIn  = 30 * time.Second
	rtcReceive = 256 << 10 // bytes of a connection that wait for us to read them

	noMulticastDNS = 1 // ice.MulticastDNSModeDisabled: no names of the home network are looked up

	// Data channels are message-oriented: what does not fit a Read is lost. The largest
	// message that we say we take fits this.
	message = 128 << 10
)

// answerer answers WebRTC offers on the one UDP port, in ICE-lite: it answers connectivity
// checks and sends none, so an offer full of other people's addresses reaches nobody.
type answerer struct {
	api    *webrtc.API
	mux    io.Closer
	cert   webrtc.Certificate
	socket stun.Conn
	shelf  *shelf
	hub    *hub
	half   chan struct{} // connections on their way

	mu   sync.Mutex
	open map[*webrtc.PeerConnection]struct{}
}

func newAnswerer(socket stun.Conn, s *shelf, h *hub) (*answerer, error) {
	key, err := newKey()
	if err != nil {
		return nil, err
	}
	mux := webrtc.NewICEUDPMux(nil, socket) // it logs to standard error, as everything here; see peer.Child
	var e webrtc.SettingEngine
	e.SetLite(true)
	e.SetICEUDPMux(mux)
	e.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4, webrtc.NetworkTypeUDP6})
	e.SetICEMulticastDNSMode(noMulticastDNS)
	e.SetIncludeLoopbackCandidate(true)
	e.SetIPFilter(onlyOne(socket))
	e.DetachDataChannels()
	e.EnableDataChannelBlockWrite(true)
	e.SetSCTPMaxReceiveBufferSize(rtcReceive)
	a := &answerer{
		api: webrtc.NewAPI(webrtc.WithSettingEngine(e)), mux: mux, cert: *key, socket: socket,
		shelf: s, hub: h, half: make(chan struct{}, maxHalf),
		open: map[*webrtc.PeerConnection]struct{}{},
	}
	return a, nil
}

// busy reports whether somebody is connected or about to be.
func (a *answerer) busy() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open) > 0
}

// answer answers an offer for torrent h. What connects is given to the hub.
func (a *answerer) answer(ctx context.Context, h hash, offer string, public []netip.Addr) (string, error) {
	if len(offer) > maxOffer {
		return "", errors.New("the offer is too large")
	}
	select {
	case a.half <- struct{}{}:
	default:
		return "", errCrowded
	}
	var once sync.Once
	settled := func() { once.Do(func() { <-a.half }) }
	if err := a.shelf.open(ctx, h); err != nil {
		settled()
		return "", err
	}
	pc, err := a.api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{a.cert}})
	if err != nil {
		settled()
		return "", fmt.Errorf("answer an offer: %w", err)
	}
	a.mu.Lock()
	a.open[pc] = struct{}{}
	a.mu.Unlock()
	a.expect(pc, settled)
	sdp, err := describe(ctx, pc, offer)
	if err != nil {
		a.drop(pc)
		settled()
		return "", fmt.Errorf("answer an offer: %w", err)
	}
	return withCandidates(sdp, a.addresses(public)), nil
}

// describe makes the answer.
func describe(ctx context.Context, pc *webrtc.PeerConnection, offer string) (string, error) {
	if err := pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	sdp, err := pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	gathered := webrtc.GatheringCompletePromise(pc)
	if err := pc.SetLocalDescription(sdp); err != nil {
		return "", err
	}
	select {
	case <-gathered:
		return pc.LocalDescription().SDP, nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// expect gives pc's first data channel to the hub, and lets go of pc when none comes or
// the connection ends.
func (a *answerer) expect(pc *webrtc.PeerConnection, settled func()) {
	late := time.AfterFunc(connectIn, func() { a.drop(pc); settled() })
	pc.OnConnectionStateChange(func(state webrtc.PeerConnectionState) {
		if state == webrtc.PeerConnectionStateFailed || state == webrtc.PeerConnectionStateClosed {
			go a.drop(pc)
			settled()
		}
	})
	var first sync.Once
	pc.OnDataChannel(func(channel *webrtc.DataChannel) {
		another := true
		first.Do(func() {
			another = false
			channel.OnOpen(func() {
				late.Stop()
				settled()
				if err := a.connected(pc, channel); err != nil {
					go a.drop(pc)
				}
			})
		})
		if another { // nobody would read it, and there could be 65,000
			go a.drop(pc)
		}
	})
}

func (a *answerer) connected(pc *webrtc.PeerConnection, channel *webrtc.DataChannel) error {
	raw, err := channel.DetachWithDeadline()
	if err != nil {
		return err
	}
	pair, err := pc.SCTP().Transport().ICETransport().GetSelectedCandidatePair()
	if err != nil {
		return err
	}
	if pair == nil {
		return errors.New("no address")
	}
	inner := &channelConn{
		detached: raw, in: bufio.NewReaderSize(raw, message),
		local:  a.socket.LocalAddr(),
		remote: &net.UDPAddr{IP: net.ParseIP(pair.Remote.Address), Port: int(pair.Remote.Port)},
		close:  func() { a.drop(pc) },
	}
	c, err := a.hub.enter(inner, wayWebRTC)
	if err != nil {
		return err
	}
	go a.hub.give(c)
	return nil
}

// drop closes pc, once.
func (a *answerer) drop(pc *webrtc.PeerConnection) {
	a.mu.Lock()
	_, open := a.open[pc]
	delete(a.open, pc)
	a.mu.Unlock()
	if open {
		_ = pc.Close()
	}
}

func (a *answerer) close() {
	a.mu.Lock()
	open := a.open
	a.open = map[*webrtc.PeerConnection]struct{}{}
	a.mu.Unlock()
	for pc := range open {
		_ = pc.Close()
	}
	_ = a.mux.Close()
}

// detached is a data channel as pion hands it out.
type detached interface {
	io.ReadWriteCloser
	SetReadDeadline(time.Time) error
	SetWriteDeadline(time.Time) error
}

// channelConn is a data channel as a net.Conn.
type channelConn struct {
	detached
	in            *bufio.Reader
	local, remote net.Addr
	close         func()
}

// Read reads on in a message where the last Read ended.
func (c *channelConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Close closes the connection below, too: one torrent, one channel.
func (c *channelConn) Close() error {
	c.close()
	return nil
}

// LocalAddr returns the socket's address.
func (c *channelConn) LocalAddr() net.Addr { return c.local }

// RemoteAddr returns the peer's.
func (c *channelConn) RemoteAddr() net.Addr { return c.remote }

// SetDeadline sets both.
func (c *channelConn) SetDeadline(t time.Time) error {
	return errors.Join(c.SetReadDeadline(t), c.SetWriteDeadline(t))
}
