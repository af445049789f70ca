package work_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// Each rendition has a torrent and the hashes of its segments, both of its very bytes.
func TestTorrents(t *testing.T) {
	b := newBench(t, noFFmpeg())
	v := b.publish(work.Publish{Path: clip(t, "ready.mp4", "320x180", 10, 6)})
	b.follow(v.ID, 0)
	v = b.video(v.ID)
	checkTorrents(t, b, v)
	b.clean()

	// What was published before there were torrents gets them from the server's loop, and
	// they are the same.
	want := v.Media.Renditions[0].Infohash
	r := v.Media.Renditions[0]
	r.Infohash, r.Pieces = "", 0
	if err := b.store.SetTorrent(t.Context(), store.MediaRef{Video: v.ID, Rev: 1}, r); err != nil {
		t.Fatal(err)
	}
	b.clean() // takes the files away
	running(t, b.Worker)
	until(t, "the torrent is made again", func() bool { return b.video(v.ID).Media.Renditions[0].Infohash == want })
	checkTorrents(t, b, b.video(v.ID))
	b.whole()
}

func checkTorrents(t *testing.T, b *bench, v store.Video) {
	t.Helper()
	if len(v.Media.Renditions) == 0 {
		t.Fatal("nothing was made")
	}
	dir := filepath.Join(b.data, "videos", v.ID, "1")
	for _, r := range v.Media.Renditions {
		read := func(name string) []byte {
			text, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			return text
		}
		film := read(r.File)
		torrent, err := metainfo.Parse(read(r.TorrentFile()))
		if err != nil || torrent.InfoHash.String() != r.Infohash || torrent.PieceLength != r.Pieces || torrent.Length != r.Bytes {
			t.Fatalf("%s: %s, pieces of %d, %d bytes, %v; the row says %+v", r.File, torrent.InfoHash, torrent.PieceLength, torrent.Length, err, r)
		}
		for i := range torrent.Pieces() {
			from, size := torrent.Piece(i)
			if !torrent.Check(i, film[from:from+size]) {
				t.Errorf("%s: piece %d is not what the file holds", r.File, i)
			}
		}
		segments, err := playlist.Segments(read(r.Playlist))
		if err != nil || len(segments) == 0 {
			t.Fatalf("%s: %d segments, %v", r.Playlist, len(segments), err)
		}
		var hashes map[string]string
		if err := json.Unmarshal(read(r.HashesFile()), &hashes); err != nil || len(hashes) != len(segments) {
			t.Fatalf("%s: %d hashes of %d segments, %v", r.HashesFile(), len(hashes), len(segments), err)
		}
		for _, s := range segments {
			sum := sha256.Sum256(film[s.Offset : s.Offset+s.Size])
			if hashes[fmt.Sprintf("%d-%d", s.Offset, s.Offset+s.Size-1)] != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: the hash of %+v is wrong", r.File, s)
			}
		}
	}
}
