package child

import (
	"errors"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/anacrolix/torrent"
	"github.com/anacrolix/torrent/metainfo"
	"github.com/anacrolix/torrent/mse"
)

// hash is an infohash as the torrent library has it.
type hash = metainfo.Hash

func parseHash(text string) (h hash, err error) {
	return h, h.FromHexString(text)
}

var errNoDial = errors.New("the seed dials nobody")

// newClient returns a torrent client that does nothing but give what it is asked for on
// connections from h.
func newClient(h *hub) (*torrent.Client, error) {
	cfg := torrent.NewDefaultClientConfig()
	cfg.NoDHT = true
	cfg.PeriodicallyAnnounceTorrentsToDht = false
	cfg.DisablePEX = true
	cfg.DisableTrackers = true
	cfg.DisableWebtorrent = true
	cfg.DisableWebseeds = true
	cfg.NoDefaultPortForwarding = true
	cfg.DialForPeerConns = false
	// Its own sockets would pass neither our gate nor our budget.
	cfg.DisableTCP, cfg.DisableUTP = true, true
	cfg.HTTPProxy = func(*http.Request) (*url.URL, error) { return nil, errNoDial }
	cfg.DefaultStorage = noStorage{}
	cfg.Seed = true
	cfg.AlwaysWantConns = true
	cfg.EstablishedConnsPerTorrent = maxConns
	cfg.MaxAllocPeerRequestDataPerConn = 256 << 10
	cfg.HeaderObfuscationPolicy = torrent.HeaderObfuscationPolicy{RequirePreferred: true} // greet has undone any
	cfg.CryptoProvides = mse.CryptoMethodPlaintext
	// A client that came by two ways keeps one of the connections: its choice, for if both
	// sides choose, both may be gone.
	cfg.DropDuplicatePeerIds = false
	cfg.Bep20 = "-Tb0100-"
	cfg.ExtendedHandshakeClientVersion = "tubelet"
	cfg.HTTPUserAgent = "tubelet"
	// What the library has to say about strangers is not for the creator's log.
	cfg.Slogger = slog.New(slog.DiscardHandler)
	client, err := torrent.NewClient(cfg)
	if err != nil {
		return nil, err
	}
	client.AddListener(h)
	return client, nil
}
