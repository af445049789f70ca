package metainfo

import (
	"crypto/md5"
	"crypto/sha1"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// LoaderSwarm is one infohash under which a version of p2p-media-loader, the player of
// PeerTube, looks for others who play one of our playlists.
type LoaderSwarm struct {
	Hash     Hash
	Playlist string // as the master playlist names it
}

// LoaderSwarms returns the swarms of every rendition and audio track of a master playlist,
// whose full address is masterURL: those of the 1.x fork (PeerTube up to 6.3), of 2.2.2
// (PeerTube 7.1 to 8.2) and of 2.3.1. They depend on the address and on what the playlist
// says of each stream, so it wants the bytes that are served.
func LoaderSwarms(masterURL string, master []byte) []LoaderSwarm {
	var found []LoaderSwarm
	add := func(playlist string, hashes ...Hash) {
		for _, h := range hashes {
			if swarm := (LoaderSwarm{h, playlist}); !slices.Contains(found, swarm) {
				found = append(found, swarm)
			}
		}
	}
	streams, tracks := readMaster(master)
	for i, s := range streams {
		add(s.playlist,
			sha1.Sum(fmt.Appendf(nil, "2%s+V%d", masterURL, i)),
			loaderHash2(masterURL, "main", i),
			// hls.js takes the peak rate for a stream's, and up to 1.5 took the average.
			loaderHash3(masterURL, "main", s.shortID(s.peak)),
			loaderHash3(masterURL, "main", s.shortID(s.average)))
	}
	for i, t := range tracks {
		if t.playlist != "" { // the track inside the renditions has no playlist
			add(t.playlist, loaderHash2(masterURL, "secondary", i), loaderHash3(masterURL, "secondary", t.shortID("0")))
		}
	}
	return found
}

// VideoLoaderHashes returns the infohashes under which PeerTube 9 looks for others who play
// the resolution of a video. They are recomputed there from the video's uuid, so no playlist
// plays a part; the protocol's version is part of the name.
func VideoLoaderHashes(uuid string, resolution int) []Hash {
	stream := fmt.Sprintf("main-default-%d", resolution)
	if resolution == 0 {
		stream = "secondary-default-default"
	}
	var hashes []Hash
	for version := 2; version <= 4; version++ {
		hashes = append(hashes, textHash(sha1.Sum(fmt.Appendf(nil, "pt-v%d-%s-%s", version, uuid, stream))))
	}
	return hashes
}

func loaderHash2(masterURL, kind string, index int) Hash {
	sum := md5.Sum(fmt.Appendf(nil, "v2-%s-%s-%d", masterURL, kind, index))
	return textHash([sha1.Size]byte(append(sum[1:], make([]byte, 5)...)))
}

func loaderHash3(masterURL, kind, id string) Hash {
	return textHash(sha1.Sum(fmt.Appendf(nil, "v2-%s-%s-%s", masterURL, kind, id)))
}

// textHash is p2p-media-loader's way to fill the 20 bytes of an infohash with text: 15
// bytes of a checksum in base64.
func textHash(sum [sha1.Size]byte) Hash {
	var h Hash
	base64.StdEncoding.Encode(h[:], sum[:15])
	return h
}

// stream is what a master playlist says of one rendition or audio track.
type stream struct {
	playlist, peak, average, codecs, width, height, language, channels, name, fps, colours string
}

// shortID is how p2p-media-loader 2.3 tells the streams of a playlist apart.
func (s stream) shortID(rate string) string {
	sum := sha1.Sum(fmt.Appendf(nil, "%s-%s-%s-%s-%s-%s-%s-%s-%s", rate, s.codecs, s.width, s.height,
		s.language, s.channels, s.name, s.fps, s.colours))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// readMaster reads what our own master playlists hold (server/playlist writes them).
func readMaster(master []byte) (streams, tracks []stream) {
	var pending *stream
	groups := map[string]string{} // audio group -> its codecs
	for line := range strings.Lines(string(master)) {
		line = strings.TrimSpace(line)
		if list, ok := strings.CutPrefix(line, "#EXT-X-STREAM-INF:"); ok {
			attrs := attributes(list)
			pending = new(variant(attrs))
			if group := attrs["AUDIO"]; groups[group] == "" {
				groups[group] = codecs(attrs["CODECS"], false)
			}
		} else if pending != nil && line != "" && line[0] != '#' {
			pending.playlist = line
			streams, pending = append(streams, *pending), nil
		}
	}
	for line := range strings.Lines(string(master)) {
		list, ok := strings.CutPrefix(strings.TrimSpace(line), "#EXT-X-MEDIA:")
		if attrs := attributes(list); ok && attrs["TYPE"] == "AUDIO" {
			tracks = append(tracks, track(attrs, groups[attrs["GROUP-ID"]]))
		}
	}
	return streams, tracks
}

func variant(attrs map[string]string) stream {
	s := stream{peak: attrs["BANDWIDTH"], average: attrs["AVERAGE-BANDWIDTH"]}
	if s.average == "" {
		s.average = s.peak
	}
	s.codecs = codecs(attrs["CODECS"], true)
	s.width, s.height, _ = strings.Cut(attrs["RESOLUTION"], "x")
	if fps, err := strconv.ParseFloat(attrs["FRAME-RATE"], 64); err == nil {
		s.fps = strconv.FormatFloat(fps, 'f', -1, 64)
	}
	s.colours = strings.ToUpper(attrs["VIDEO-RANGE"])
	return s
}

func track(attrs map[string]string, audio string) stream {
	s := stream{playlist: attrs["URI"], codecs: audio, name: strings.ToLower(strings.TrimSpace(attrs["NAME"]))}
	s.channels, _, _ = strings.Cut(attrs["CHANNELS"], "/")
	if language := attrs["LANGUAGE"]; language != "und" {
		s.language = strings.ToLower(language[:min(2, len(language))])
	}
	return s
}

// codecs returns the video codecs of a list, or the others, in their order of spelling.
func codecs(list string, video bool) string {
	var kept []string
	for codec := range strings.SplitSeq(strings.ToLower(list), ",") {
		codec = strings.TrimSpace(codec)
		isVideo := slices.ContainsFunc([]string{"avc", "hvc", "hev", "av01", "vp0"}, func(prefix string) bool {
			return strings.HasPrefix(codec, prefix)
		})
		if codec != "" && isVideo == video {
			kept = append(kept, codec)
		}
	}
	slices.Sort(kept)
	return strings.Join(kept, ",")
}

// attributes reads an attribute list (RFC 8216, 4.2).
func attributes(list string) map[string]string {
	found := map[string]string{}
	for list != "" {
		name, rest, ok := strings.Cut(list, "=")
		if !ok {
			break
		}
		var value string
		if quoted, isQuoted := strings.CutPrefix(rest, `"`); isQuoted {
			value, rest, _ = strings.Cut(quoted, `"`)
			rest = strings.TrimPrefix(rest, ",")
		} else {
			value, rest, _ = strings.Cut(rest, ",")
		}
		found[strings.TrimSpace(name)], list = value, rest
	}
	return found
}
