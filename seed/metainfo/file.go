package metainfo

import (
	"crypto/sha1"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/tubelet/tubelet/seed/bencode"
)

// Parse reads a .torrent of one file. It refuses what we would not make ourselves: several
// files, names with a path in them, pieces that don't add up. Addresses in it are ignored.
func Parse(b []byte) (Torrent, error) {
	if len(b) > maxFile {
		return Torrent{}, fmt.Errorf("%w: %d bytes", ErrBad, len(b))
	}
	root, err := bencode.Decode(b, 1024)
	if err != nil {
		return Torrent{}, fmt.Errorf("%w: %w", ErrBad, err)
	}
	info, ok := root.Get("info", bencode.Dict)
	if !ok {
		return Torrent{}, fmt.Errorf("%w: no info dictionary", ErrBad)
	}
	return parseInfo(info)
}

func parseInfo(info bencode.Value) (Torrent, error) {
	name, okName := info.Get("name", bencode.String)
	length, okLength := info.Get("length", bencode.Int)
	piece, okPiece := info.Get("piece length", bencode.Int)
	pieces, okPieces := info.Get("pieces", bencode.String)
	if !okName || !okLength || !okPiece || !okPieces {
		return Torrent{}, fmt.Errorf("%w: something is missing in its info dictionary", ErrBad)
	}
	t := Torrent{
		InfoHash: sha1.Sum(info.Raw), Name: string(name.Bytes), Info: info.Raw,
		Length: length.Num, PieceLength: piece.Num, pieces: pieces.Bytes,
	}
	return t, t.check()
}

// check refuses a torrent that is out of our bounds.
func (t Torrent) check() error {
	switch {
	case !plainName(t.Name):
		return fmt.Errorf("%w: name %q", ErrBad, t.Name)
	case t.PieceLength < 16<<10 || t.PieceLength > maxPiece || t.PieceLength&(t.PieceLength-1) != 0:
		return fmt.Errorf("%w: pieces of %d bytes", ErrBad, t.PieceLength)
	case t.Length <= 0 || (t.Length-1)/t.PieceLength >= maxPieces:
		return fmt.Errorf("%w: %d bytes", ErrBad, t.Length)
	case int64(len(t.pieces)) != ((t.Length-1)/t.PieceLength+1)*sha1.Size:
		return fmt.Errorf("%w: %d bytes of hashes", ErrBad, len(t.pieces))
	}
	return nil
}

// plainName reports whether name is the bare name of a file on every system.
func plainName(name string) bool {
	if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.HasPrefix(name, ".") {
		return false
	}
	return !strings.ContainsFunc(name, func(r rune) bool {
		return r < ' ' || r == 0x7f || strings.ContainsRune(`/\:*?"<>|`, r)
	})
}

// Encode returns the .torrent: the info dictionary untouched, the trackers in their tiers,
// and web seeds, which for one file are the addresses of the file itself.
func (t Torrent) Encode(announce [][]string, webSeeds []string) []byte {
	b := append([]byte(nil), 'd')
	if len(announce) > 0 && len(announce[0]) > 0 {
		b = bencode.AppendString(bencode.AppendString(b, "announce"), announce[0][0])
		b = append(bencode.AppendString(b, "announce-list"), 'l')
		for _, tier := range announce {
			b = appendList(b, tier)
		}
		b = append(b, 'e')
	}
	b = append(bencode.AppendString(b, "info"), t.Info...)
	if len(webSeeds) > 0 {
		b = appendList(bencode.AppendString(b, "url-list"), webSeeds)
	}
	return append(b, 'e')
}

func appendList(b []byte, items []string) []byte {
	b = append(b, 'l')
	for _, item := range items {
		b = bencode.AppendString(b, item)
	}
	return append(b, 'e')
}

// Magnet returns the magnet link. exactSource is the address of the .torrent, from which a
// client that knows "xs" starts without asking peers for it.
func (t Torrent) Magnet(title string, announce, webSeeds []string, exactSource string) string {
	var b strings.Builder
	b.WriteString("magnet:?xt=urn:btih:" + t.InfoHash.String())
	add := func(key string, values ...string) {
		for _, value := range values {
			if value != "" {
				// QueryEscape's + for a space is shown as a plus by several clients.
				b.WriteString("&" + key + "=" + strings.ReplaceAll(url.QueryEscape(value), "+", "%20"))
			}
		}
	}
	add("dn", title)
	add("tr", announce...)
	add("ws", webSeeds...)
	add("xs", exactSource)
	return b.String()
}

// WebSeeds returns the addresses of the file itself that a .torrent names, at most eight.
// They are a stranger's word: who uses one says which hosts it may lead to.
func WebSeeds(b []byte) []string {
	root, err := bencode.Decode(b, 1024)
	if err != nil {
		return nil
	}
	var found []string
	if one, ok := root.Get("url-list", bencode.String); ok {
		return []string{string(one.Bytes)}
	}
	list, _ := root.Get("url-list", bencode.List)
	for _, item := range list.Items[:min(len(list.Items), 8)] {
		if item.Kind == bencode.String {
			found = append(found, string(item.Bytes))
		}
	}
	return found
}
