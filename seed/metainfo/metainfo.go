// Package metainfo makes and reads BitTorrent v1 metainfo for one rendition: one file, one
// torrent, one infohash.
//
// The infohash is a function of the file's bytes alone. The same file makes the same
// torrent on every machine and after every restart, and moving to another domain changes
// no infohash: addresses (trackers, web seeds) stand outside the hashed part and are
// written when a .torrent or a magnet link is asked for. They are only ever our own.
//
// It also computes the names by which p2p-media-loader, the player of PeerTube, finds
// other viewers of our playlists, and the segment hashes by which it trusts them.
package metainfo

import (
	"crypto/sha1"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// ErrBad is wrapped by every refusal of Parse.
var ErrBad = errors.New("not a torrent of one video")

// The bounds of a torrent, ours or a stranger's.
const (
	minPiece  = 128 << 10
	maxPiece  = 16 << 20
	maxPieces = 1 << 18 // 37 hours in pieces of half a second
	maxName   = 200
	maxFile   = maxPieces*sha1.Size + 64<<10 // bytes of a .torrent
)

// Hash is the infohash of a torrent: the SHA-1 of its bencoded info dictionary.
type Hash [sha1.Size]byte

// String returns 40 hex digits.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// ParseHash reads 40 hex digits.
func ParseHash(s string) (Hash, error) {
	var h Hash
	if len(s) != 2*len(h) {
		return Hash{}, fmt.Errorf("read infohash: %d characters, want %d", len(s), 2*len(h))
	}
	if _, err := hex.Decode(h[:], []byte(s)); err != nil {
		return Hash{}, fmt.Errorf("read infohash: %w", err)
	}
	return h, nil
}

// Torrent is one file cut into pieces, each with its SHA-1.
type Torrent struct {
	InfoHash    Hash
	Name        string
	Length      int64
	PieceLength int64
	Info        []byte // the bencoded info dictionary, whose hash is InfoHash

	pieces []byte // SHA-1 after SHA-1; part of Info
}

// Pieces returns how many pieces there are.
func (t Torrent) Pieces() int { return len(t.pieces) / sha1.Size }

// Piece returns where piece i lies in the file.
func (t Torrent) Piece(i int) (offset, size int64) {
	offset = int64(i) * t.PieceLength
	return offset, min(t.PieceLength, t.Length-offset)
}

// Check reports whether b is piece i, by its hash.
func (t Torrent) Check(i int, b []byte) bool {
	if i < 0 || i >= t.Pieces() {
		return false
	}
	if _, size := t.Piece(i); size != int64(len(b)) {
		return false
	}
	return sha1.Sum(b) == [sha1.Size]byte(t.pieces[i*sha1.Size:])
}

// PieceLength returns the size of the pieces of a file that plays for length. A piece is
// what a viewer can pass on: small ones spread a new video faster, but each costs messages,
// so high rates and very long files have larger ones, up to 0.7 seconds of video.
func PieceLength(size int64, length time.Duration) int64 {
	const short, long, many = 250 * time.Millisecond, 700 * time.Millisecond, 16384
	plays := func(piece int64) time.Duration {
		if size <= 0 || length <= 0 {
			return short
		}
		return time.Duration(float64(piece) / float64(size) * float64(length))
	}
	piece := int64(minPiece)
	for piece < maxPiece && plays(2*piece) <= long && (plays(piece) < short || size/piece > many) {
		piece *= 2
	}
	return piece
}
