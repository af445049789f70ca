package server

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"strconv"

	"github.com/tubelet/tubelet/server/cache"
	"github.com/tubelet/tubelet/server/files"
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/server/pages"
	"github.com/tubelet/tubelet/server/share"
	"github.com/tubelet/tubelet/store"
)

// segmentHashes is the manifest by which players of PeerTube check what they have from each
// other. The name is ours: they find it by the video's object.
const segmentHashes = "segments-sha256.json"

// openShare prepares the sharing of the site's videos.
func (s *site) openShare(ctx context.Context, cfg Config) (err error) {
	s.share, err = share.New(ctx, share.Config{
		Data: cfg.Data, Store: cfg.Store, Videos: s.videos, Version: s.cache.Version, Channel: s.channel,
		Own: s.own, Address: s.clientIP, Seed: cfg.Seed, Local: cfg.Local, Log: cfg.Log,
	})
	return err
}

// own reports whether a page from that origin is ours.
func (s *site) own(origin string) bool {
	u, err := url.Parse(origin)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && s.answersTo(u.Host)
}

// version is the version of what pages show.
func (s *site) version(ctx context.Context) (int64, error) {
	n, err := s.store.ContentVersion(ctx)
	return n + s.share.Changes()<<32, err
}

// player returns the player of a video, with what it takes to share it.
func (s *site) player(ctx context.Context, c store.Channel, v shown) (pages.Player, error) {
	p := pages.NewPlayer(c, v.Video, v.key)
	p.Short = s.share.Short()
	if v.key != "" {
		return p, nil
	}
	var err error
	p.Swarm, err = s.share.Player(ctx, c, v.Video)
	return p, err
}

// budgeted returns the gate for a file of v: that of the upload budget for films and sound,
// none for pictures, which belong to pages.
func (s *site) budgeted(r *http.Request, v shown, name string, download bool) files.Gate {
	sending := share.Sending{Request: r, Address: s.clientAddress(r), Download: download, Rendition: renditionOf(v, name)}
	if sending.Rendition.File == "" && !download {
		return nil
	}
	return func(w io.Writer, from, to int64) io.WriteCloser { return s.share.Gate(sending, w, from, to) }
}

// renditionOf returns that of v which lies in a file, or a zero one.
func renditionOf(v shown, name string) store.Rendition {
	for _, r := range v.Media.Renditions {
		if r.File == name {
			return r
		}
	}
	return store.Rendition{}
}

// torrents returns what is offered of a video, under its current revision.
func (s *site) torrents(ctx context.Context, c store.Channel, v store.Video) ([]offer.Torrent, error) {
	p2p, err := s.store.Setting(ctx, "p2p")
	if err != nil {
		return nil, err
	}
	return offer.Torrents(c, v, p2p), nil
}

// sendTorrent sends the torrent of a rendition with our own addresses in it.
func (s *site) sendTorrent(w http.ResponseWriter, r *http.Request, v shown) error {
	name := r.PathValue("file")
	return s.fromRows(w, r, v, name, func(v shown, c store.Channel) (cache.Answer, error) {
		offered, err := s.torrents(r.Context(), c, v.Video)
		if err != nil {
			return cache.Answer{}, err
		}
		for _, o := range offered {
			if o.TorrentFile() != name {
				continue
			}
			t, err := share.ReadTorrent(s.videos, v.Video, o.Rendition)
			if err != nil {
				return cache.Answer{}, err
			}
			body := t.Encode(offer.Tiers(c), offer.WebSeeds(c, v.Video, o.Rendition))
			return cache.Answer{Type: mediaTypes[".torrent"], Body: body}, nil
		}
		return cache.Answer{}, store.ErrNotFound
	})
}

// sendHashes sends the hashes of all segments of all renditions.
func (s *site) sendHashes(w http.ResponseWriter, r *http.Request, v shown) error {
	return s.fromRows(w, r, v, segmentHashes, func(v shown, c store.Channel) (cache.Answer, error) {
		offered, err := s.torrents(r.Context(), c, v.Video)
		if err != nil {
			return cache.Answer{}, err
		}
		all := map[string]json.RawMessage{}
		for _, o := range offered {
			if all[o.File], err = s.readHashes(path.Join(v.ID, strconv.Itoa(v.Media.Rev), o.HashesFile())); err != nil {
				return cache.Answer{}, err
			}
		}
		if len(all) == 0 {
			return cache.Answer{}, store.ErrNotFound
		}
		body, err := json.Marshal(all)
		return cache.Answer{Type: "application/json", Body: body}, err
	})
}

func (s *site) readHashes(name string) (json.RawMessage, error) {
	f, err := openFile(s.videos, name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 4*textBytes))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return bytes.TrimSpace(text), nil
}

// clientIP is the address of a client for the tracker, which introduces machines to each
// other and so needs the whole of it.
func (s *site) clientIP(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	ip := peer.Addr().Unmap()
	if proxies := s.proxies.Load(); proxies != nil && within(*proxies, ip) {
		if told, ok := lastForwarded(r.Header.Values("X-Forwarded-For")); ok {
			return told
		}
	}
	return ip
}
