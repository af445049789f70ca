package share

import (
	"fmt"
	"io"
	"os"
	"path"
	"strconv"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/store"
)

// torrentBytes bounds a .torrent that is read: 20 bytes for each piece of a very long film.
const torrentBytes = 8 << 20

// ReadTorrent reads the torrent that lies beside a rendition of v, without any address.
func ReadTorrent(videos *os.Root, v store.Video, r store.Rendition) (metainfo.Torrent, error) {
	name := path.Join(v.ID, strconv.Itoa(v.Media.Rev), r.TorrentFile())
	f, err := videos.Open(name)
	if err != nil {
		return metainfo.Torrent{}, fmt.Errorf("open torrent: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, torrentBytes))
	if err != nil {
		return metainfo.Torrent{}, fmt.Errorf("read torrent %s: %w", name, err)
	}
	t, err := metainfo.Parse(text)
	if err != nil {
		return metainfo.Torrent{}, fmt.Errorf("read torrent %s: %w", name, err)
	}
	return t, nil
}
