package child

import (
	"context"
	"crypto/sha1"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/anacrolix/torrent"

	"github.com/tubelet/tubelet/seed/peer/wire"
)

// A torrent without peers is kept this long for the next.
const keepTorrent = 2 * time.Minute

var errFull = errors.New("too many torrents are being shared")

// shelf is the torrents that somebody asked for.
type shelf struct {
	client *torrent.Client
	lookup func(context.Context, hash) (wire.Share, error)

	mu   sync.Mutex
	held map[hash]*held
}

type held struct {
	torrent *torrent.Torrent
	used    time.Time // when it was last asked for or had peers
}

func newShelf(client *torrent.Client, lookup func(context.Context, hash) (wire.Share, error)) *shelf {
	return &shelf{client: client, lookup: lookup, held: map[hash]*held{}}
}

func (s *shelf) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// open makes the client ready to share h, or says why it may not. A peer that was let in
// has keepTorrent to finish its handshake.
func (s *shelf) open(ctx context.Context, h hash) error {
	if s.touch(h) {
		return nil
	}
	share, err := s.lookup(ctx, h)
	if err != nil {
		return err
	}
	if sha1.Sum(share.Info) != h {
		return fmt.Errorf("torrent %s: the info has another hash", h)
	}
	file, err := openPublished(share.Path, share.Length)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if there := s.held[h]; there != nil {
		there.used = time.Now()
		return file.file.Close()
	}
	if len(s.held) >= maxTorrents && !s.makeRoom() {
		return errors.Join(errFull, file.file.Close())
	}
	t, _ := s.client.AddTorrentOpt(torrent.AddTorrentOpts{
		InfoHash: h, InfoBytes: share.Info, Storage: file,
		DisableInitialPieceCheck: true, DisallowDataDownload: true,
	})
	if t.Info() == nil {
		t.Drop()
		return errors.Join(fmt.Errorf("torrent %s: the info cannot be read", h), file.file.Close())
	}
	s.held[h] = &held{torrent: t, used: time.Now()}
	return nil
}

func (s *shelf) touch(h hash) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.held[h]
	if there == nil {
		return false
	}
	there.used = time.Now()
	return true
}

// makeRoom drops the torrent that was unused for longest, if there is one without peers.
func (s *shelf) makeRoom() bool {
	var oldest *held
	var at hash
	for h, t := range s.held {
		if len(t.torrent.PeerConns()) == 0 && (oldest == nil || t.used.Before(oldest.used)) {
			oldest, at = t, h
		}
	}
	if oldest == nil {
		return false
	}
	delete(s.held, at)
	oldest.torrent.Drop()
	return true
}

// sweep drops what nobody uses and what may not be shared any more.
func (s *shelf) sweep(ctx context.Context, now time.Time) {
	for h, t := range s.all() {
		_, err := s.lookup(ctx, h)
		if errors.Is(err, wire.ErrClosed) || errors.Is(err, wire.ErrBusy) || ctx.Err() != nil {
			return
		}
		s.settle(h, t, err != nil, now)
	}
}

// settle drops t where it is refused or was unused for too long.
func (s *shelf) settle(h hash, t *torrent.Torrent, refused bool, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	there := s.held[h]
	if there == nil || there.torrent != t {
		return
	}
	if len(t.PeerConns()) > 0 {
		there.used = now
	}
	if refused || now.Sub(there.used) > keepTorrent {
		delete(s.held, h)
		t.Drop()
	}
}

func (s *shelf) all() map[hash]*torrent.Torrent {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := make(map[hash]*torrent.Torrent, len(s.held))
	for h, t := range s.held {
		all[h] = t.torrent
	}
	return all
}
