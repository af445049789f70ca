// Package playlist computes a video's master playlist from what the store says of its
// renditions. Nothing of it is on disk, so a rendition is offered from the commit that
// records it and no sooner. The same rows always give the same bytes.
package playlist

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tubelet/tubelet/store"
)

// starter is the height a player begins with. Players take the first variant they
// find (RFC 8216, 6.3.4 leaves it to them, and all do): 480 rows look fair in a window
// and arrive at once on a modest line.
const starter = 480

// group names the one audio group of a playlist with further languages.
const group = "audio"

// Master returns the master playlist (RFC 8216, 4.3.4) of media: the starter first,
// then the other variants from the lowest to the highest. Language names what is
// spoken in the main track, empty when unknown. It returns nil when nothing plays.
func Master(media store.Media, language string) []byte {
	variants, tracks := split(media)
	if len(variants) == 0 {
		return nil
	}
	var b bytes.Buffer
	b.WriteString("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n")
	if len(tracks) > 0 {
		b.WriteString(alternatives(tracks, language))
	}
	for _, v := range variants {
		b.WriteString(variant(v, len(tracks) > 0))
	}
	return b.Bytes()
}

// split sorts out what is a variant of the whole and what is a further audio track of
// a video. An audio-only video has only variants.
func split(media store.Media) (variants, tracks []store.Rendition) {
	for _, r := range media.Renditions {
		if r.Height == 0 && media.HasVideo {
			tracks = append(tracks, r)
		} else {
			variants = append(variants, r)
		}
	}
	slices.SortStableFunc(variants, func(a, b store.Rendition) int {
		return cmp.Or(cmp.Compare(a.Height, b.Height), cmp.Compare(a.Bandwidth, b.Bandwidth), cmp.Compare(a.File, b.File))
	})
	slices.SortStableFunc(tracks, func(a, b store.Rendition) int {
		return cmp.Or(cmp.Compare(a.Language, b.Language), cmp.Compare(a.File, b.File))
	})
	first := 0
	for i, v := range variants {
		if v.Height <= starter {
			first = i
		}
	}
	if len(variants) > 0 {
		chosen := variants[first]
		variants = slices.Insert(slices.Delete(variants, first, first+1), 0, chosen)
	}
	return variants, tracks
}

// alternatives lists the main track, which is inside the variants and so has no URI,
// and the further ones.
func alternatives(tracks []store.Rendition, language string) string {
	name := cmp.Or(language, "main")
	main := list{}.quoted("GROUP-ID", group).quoted("NAME", name)
	if language != "" {
		main = main.quoted("LANGUAGE", language)
	}
	lines := "#EXT-X-MEDIA:TYPE=AUDIO," + main.plain("DEFAULT", "YES").plain("AUTOSELECT", "YES").String() + "\n"
	used := map[string]int{name: 1} // NAME is unique in its group (RFC 8216, 4.3.4.1.1)
	for _, t := range tracks {
		name := cmp.Or(t.Language, "other")
		if used[name]++; used[name] > 1 {
			name += " " + strconv.Itoa(used[name])
		}
		l := list{}.quoted("GROUP-ID", group).quoted("NAME", name)
		if t.Language != "" {
			l = l.quoted("LANGUAGE", t.Language)
		}
		l = l.plain("DEFAULT", "NO").plain("AUTOSELECT", "YES").quoted("URI", t.Playlist)
		lines += "#EXT-X-MEDIA:TYPE=AUDIO," + l.String() + "\n"
	}
	return lines
}

// variant writes one rendition with what a player needs to choose it (RFC 8216, 4.3.4.2).
func variant(r store.Rendition, grouped bool) string {
	l := list{}.plain("BANDWIDTH", strconv.Itoa(max(r.Bandwidth, r.Average, 1)))
	if r.Average > 0 {
		l = l.plain("AVERAGE-BANDWIDTH", strconv.Itoa(r.Average))
	}
	if r.Codecs != "" {
		l = l.quoted("CODECS", r.Codecs)
	}
	if r.Width > 0 && r.PixHeight > 0 {
		l = l.plain("RESOLUTION", fmt.Sprintf("%dx%d", r.Width, r.PixHeight))
	}
	if r.FPS > 0 && r.Height > 0 {
		l = l.plain("FRAME-RATE", strconv.FormatFloat(r.FPS, 'f', 3, 64))
	}
	if grouped {
		l = l.quoted("AUDIO", group)
	}
	return "#EXT-X-STREAM-INF:" + l.String() + "\n" + r.Playlist + "\n"
}

// list is an attribute list (RFC 8216, 4.2).
type list []string

func (l list) plain(name, value string) list { return append(l, name+"="+value) }

// quoted adds a quoted-string, which cannot hold a quote or a line break.
func (l list) quoted(name, value string) list {
	clean := strings.Map(func(r rune) rune {
		if r == '"' || r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, value)
	return append(l, name+`="`+clean+`"`)
}

func (l list) String() string { return strings.Join(l, ",") }
