package wire

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
)

// The calls. The parent makes the first two, the child the rest.
const (
	Start  = "start"  // Setup, answered with Started
	Offer  = "offer"  // OfferCall, answered with Answer
	Lookup = "lookup" // LookupCall, answered with Share
	Hashes = "hashes" // nothing, answered with Known
	Spend  = "spend"  // SpendCall, answered when the bytes may leave
	Report = "report" // Figures
)

// Setup is the first call: what the child is to do.
type Setup struct {
	Listen    string       `json:"listen,omitempty"`
	PublicIPs []netip.Addr `json:"publicIPs,omitempty"`
	Encrypted bool         `json:"encrypted,omitempty"` // ask for Hashes and take encrypted connections
}

// Started says what became of it.
type Started struct {
	Listen string `json:"listen,omitempty"`
}

// OfferCall is a WebRTC offer for a torrent.
type OfferCall struct {
	Hash      string       `json:"hash"`
	SDP       string       `json:"sdp"`
	PublicIPs []netip.Addr `json:"publicIPs,omitempty"`
}

// Answer is the WebRTC answer.
type Answer struct {
	SDP string `json:"sdp"`
}

// LookupCall asks for a torrent.
type LookupCall struct {
	Hash string `json:"hash"`
}

// Share is a torrent and its file.
type Share struct {
	Info   []byte `json:"info"` // bencoded
	Length int64  `json:"length"`
	Path   string `json:"path"`
}

// Known is every torrent there is.
type Known struct {
	Hashes []string `json:"hashes"`
}

// SpendCall asks for bytes of the upload budget.
type SpendCall struct {
	Way   string `json:"way"`
	Bytes int64  `json:"bytes"`
}

// Figures is what the child does and did.
type Figures struct {
	Torrents    int              `json:"torrents"`
	Connections map[string]int   `json:"connections"`
	Sent        map[string]int64 `json:"sent"`
	Received    int64            `json:"received"`
	Busy        bool             `json:"busy"` // somebody is connected, or about to be
}

// Handle makes a Handler of a function with types.
func Handle[In, Out any](do func(context.Context, In) (Out, error)) Handler {
	return func(ctx context.Context, body json.RawMessage) (any, error) {
		var in In
		if err := json.Unmarshal(body, &in); err != nil {
			return nil, fmt.Errorf("read the call: %w", err)
		}
		return do(ctx, in)
	}
}
