package fmp4

import (
	"bytes"
	"fmt"
	"math"
	"time"
)

// Segments aim at one fragment for the first two, so that a crowd's start costs half,
// and two fragments after that, on the two-second grid of our renditions. On another
// grid, as a copied source may have, they come as near to that as its keyframes allow.
const (
	shortSegment = 1500 * time.Millisecond
	longSegment  = 3500 * time.Millisecond
	shortCount   = 2
)

// segment is one entry of the playlist: whole fragments that lie next to each other.
type segment struct {
	offset, size int64
	ticks        uint64
	keyframe     bool
}

func (s segment) length(timescale uint32) time.Duration { return ticksToTime(s.ticks, timescale) }

// segments groups the fragments. A segment begins with a keyframe where there is one.
func (f *File) segments() []segment {
	var list []segment
	for _, fr := range f.Fragments {
		n := len(list)
		aim := longSegment
		if n <= shortCount {
			aim = shortSegment
		}
		if n > 0 && (list[n-1].length(f.timescale) < aim || fr.ticks == 0) {
			list[n-1].size = fr.Offset + fr.Size - list[n-1].offset
			list[n-1].ticks += fr.ticks
			continue
		}
		list = append(list, segment{offset: fr.Offset, size: fr.Size, ticks: fr.ticks, keyframe: fr.Keyframe})
	}
	return list
}

// Playlist returns the byte-range media playlist of f (RFC 8216, 4.3), for a file found
// at uri relative to the playlist.
func Playlist(f *File, uri string) []byte {
	segments := f.segments()
	independent := true
	var longest time.Duration
	for _, s := range segments {
		longest = max(longest, s.length(f.timescale))
		independent = independent && s.keyframe
	}
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n")
	// Durations count rounded to the nearest second here (4.3.3.1).
	fmt.Fprintf(&b, "#EXT-X-TARGETDURATION:%d\n", max(1, int(math.Round(longest.Seconds()))))
	b.WriteString("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n")
	if independent {
		b.WriteString("#EXT-X-INDEPENDENT-SEGMENTS\n")
	}
	fmt.Fprintf(&b, "#EXT-X-MAP:URI=%q,BYTERANGE=\"%d@0\"\n", uri, f.InitSize)
	for _, s := range segments {
		seconds := float64(s.ticks) / float64(f.timescale)
		fmt.Fprintf(&b, "#EXTINF:%.6f,\n#EXT-X-BYTERANGE:%d@%d\n%s\n", seconds, s.size, s.offset, uri)
	}
	b.WriteString("#EXT-X-ENDLIST\n")
	return b.Bytes()
}
