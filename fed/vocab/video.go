package vocab

import (
	"cmp"
	"fmt"
	"html"
	"math"
	"mime"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/tubelet/tubelet/store"
)

// Bounds that PeerTube sets; what lies outside makes it drop the video or the property.
const (
	minName, maxName = 3, 120
	maxContent       = 10_000
	minTag, maxTag   = 2, 30
	maxCaptions      = 20 // so that a Create stays below what Misskey takes
)

// Policy says who may answer a video.
type Policy int

// The numbers are PeerTube's.
const (
	Open     Policy = 1
	Closed   Policy = 2
	Approved Policy = 3 // the creator approves first
)

// Facts are what a video's object says beside what the creator said.
type Facts struct {
	Comments  Policy
	Replies   int64
	Sensitive string // a content warning, "" for none
	Edited    time.Time
	Magnets   map[int]string // by height; "" and missing for none
	Hashes    string         // address of the segments' hashes
	Trackers  []string       // wss: and https:, ours
}

// VideoObject returns a video as others see it, without a context. The order of url and
// attributedTo matters: most readers take the first they understand.
func (s Site) VideoObject(v store.Video, f Facts) Object {
	id := s.Video(v.ID)
	object := Object{
		"id": id, "type": "Video", "uuid": v.UUID, "name": videoName(v.Title),
		"duration":     fmt.Sprintf("PT%dS", int64(math.Round(v.Media.Duration.Seconds()))),
		"views":        v.Views,
		"published":    moment(v.PublishedAt),
		"updated":      moment(latest(f.Edited, v.PublishedAt)),
		"uploadDate":   moment(v.CreatedAt),
		"mediaType":    "text/html",
		"content":      s.content(v),
		"to":           []string{Public, s.Group()},
		"cc":           []string{Followers(s.Person())},
		"audience":     s.Group(), // FEP-1b12
		"attributedTo": []any{Object{"type": "Person", "id": s.Person()}, Object{"type": "Group", "id": s.Group()}},
		"tag":          s.tags(v),
		"url":          s.links(v, f),
		"icon":         s.pictures(v),
		"sensitive":    f.Sensitive != "",
		"state":        1,

		"waitTranscoding":   false,
		"downloadEnabled":   v.Downloads,
		"commentsPolicy":    cmp.Or(f.Comments, Open),
		"commentsEnabled":   cmp.Or(f.Comments, Open) != Closed,
		"canReply":          canReply(f.Comments),
		"interactionPolicy": s.policy(),
		"embedUrl":          s.Channel.EmbedURL(v),

		// Addresses and not collections: PeerTube 6.3 ends at once where it meets an object here.
		"likes":    id + "/likes",
		"dislikes": id + "/dislikes",
		"shares":   id + "/shares",
		"replies":  thread(counted(id+"/replies", f.Replies)),
		"comments": id + "/comments",
		"context":  id + "/context", // FEP-7888
	}
	s.addOptional(object, v, f)
	return object
}

// FullVideo is VideoObject with its context: a document of its own.
func (s Site) FullVideo(v store.Video, f Facts) Object {
	return withContext(videoTerms(), s.VideoObject(v, f))
}

func (s Site) addOptional(object Object, v store.Video, f Facts) {
	if f.Sensitive != "" {
		object["summary"] = f.Sensitive // elsewhere than in Mastodon this hides the video behind a button
	}
	if language, _, _ := strings.Cut(v.Language, "-"); language != "" {
		object["language"] = Object{"identifier": language, "name": v.Language}
	}
	if v.License != "" {
		object["licence"] = Object{"identifier": v.License, "name": v.License}
	}
	if v.Media.Width > 0 && v.Media.Height > 0 {
		object["aspectRatio"] = math.Round(float64(v.Media.Width)/float64(v.Media.Height)*10_000) / 10_000
	}
	if len(v.Chapters) > 0 {
		object["hasParts"] = s.Video(v.ID) + "/chapters"
	}
	if v.Media.Storyboard.File != "" {
		object["preview"] = []any{s.storyboard(v)}
	}
	var captions []any
	for _, c := range v.Captions[:min(len(v.Captions), maxCaptions)] {
		captions = append(captions, Object{"identifier": c.Language, "name": c.Label, "url": s.Channel.Base() + v.CaptionPath(c)})
	}
	if captions != nil {
		object["subtitleLanguage"] = captions
	}
}

// videoName makes a title as long as PeerTube wants it.
func videoName(title string) string {
	if n := utf8.RuneCountInString(title); n < minName {
		title += strings.Repeat("\u00b7", minName-n)
	}
	if letters := []rune(title); len(letters) > maxName {
		title = string(letters[:maxName-1]) + "\u2026"
	}
	return title
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// content is the description, with a link to the page at its end: most readers show no
// other way to the video.
func (s Site) content(v store.Video) string {
	watch := html.EscapeString(s.Channel.WatchURL(v))
	link := `<p><a href="` + watch + `">` + watch + "</a></p>"
	text := s.HTML(v.Description)
	if utf8.RuneCountInString(text)+utf8.RuneCountInString(link) > maxContent {
		text = "" // cut HTML is broken HTML; the page has all of it
	}
	return text + link
}

func (s Site) tags(v store.Video) []any {
	tags := []any{}
	for _, tag := range v.Tags {
		if n := utf8.RuneCountInString(tag); n >= minTag && n <= maxTag {
			tags = append(tags, Object{"type": "Hashtag", "name": "#" + strings.ReplaceAll(tag, " ", ""), "href": s.Channel.Base() + "/?tag=" + queryEscape(tag)})
		}
	}
	return tags
}

// pictures are the poster, large and small. PeerTube takes JPEG only.
func (s Site) pictures(v store.Video) []any {
	list := []any{}
	for _, file := range []string{v.Media.Thumb, v.Media.Poster} {
		if file == "" {
			continue
		}
		width, height := v.Media.PosterWidth, v.Media.PosterHeight
		if long := max(width, height); file == v.Media.Thumb && long > 0 {
			scale := float64(thumbSide) / float64(long)
			width, height = int(math.Round(float64(width)*scale)), int(math.Round(float64(height)*scale))
		}
		list = append(list, Object{"type": "Image", "url": s.Channel.MediaURL(v, file), "mediaType": mime.TypeByExtension(path.Ext(file)), "width": width, "height": height})
	}
	return list
}

// thumbSide is the long side of the small pictures of lists.
const thumbSide = 480

func (s Site) storyboard(v store.Video) Object {
	board := v.Media.Storyboard
	return Object{"type": "Image", "rel": []string{"storyboard"}, "url": []any{Object{
		"type": "Link", "mediaType": "image/jpeg", "href": s.Channel.MediaURL(v, board.File),
		"width": board.Columns * board.Width, "height": board.Rows * board.Height,
		"tileWidth": board.Width, "tileHeight": board.Height,
		"tileDuration": fmt.Sprintf("PT%dS", max(1, int64(math.Round(board.Interval.Seconds())))),
	}}}
}

// links is how the video can be seen: the page first, which Mastodon and Misskey take,
// then each file, the playlist with its torrents, and our trackers.
func (s Site) links(v store.Video, f Facts) []any {
	links := []any{
		Object{"type": "Link", "mediaType": "text/html", "href": s.Channel.WatchURL(v)},
		Object{"type": "Link", "mediaType": "text/html", "href": s.Video(v.ID)},
	}
	files, magnets := s.files(v, "file"), []any{}
	links = append(links, files...)
	hls := []any{}
	for _, r := range v.Media.Renditions {
		if r.Infohash != "" {
			hls = append(hls, Object{"type": "Infohash", "name": r.Infohash})
		}
		if magnet := f.Magnets[r.Height]; magnet != "" && r.Infohash != "" {
			magnets = append(magnets, Object{"type": "Link", "mediaType": "application/x-bittorrent;x-scheme-handler/magnet", "href": magnet, "height": r.Height})
		}
	}
	if f.Hashes != "" {
		hls = append(hls, Object{"type": "Link", "name": "sha256", "mediaType": "application/json", "href": f.Hashes})
	}
	links = append(links, Object{"type": "Link", "mediaType": "application/x-mpegURL", "href": s.Channel.MediaURL(v, "master.m3u8"), "tag": append(hls, s.files(v, "hls")...)})
	links = append(links, magnets...)
	for _, tracker := range f.Trackers {
		kind := "http"
		if strings.HasPrefix(tracker, "ws") {
			kind = "websocket"
		}
		links = append(links, Object{"type": "Link", "name": "tracker-" + kind, "rel": []string{"tracker", kind}, "href": tracker})
	}
	return links
}

// files are the renditions. PeerTube takes the last part of an address for the name of a file and
// wants it to be the only one of all that it knows, so the query makes it one: use says for what
// it is named here, and the server does not mind.
func (s Site) files(v store.Video, use string) []any {
	files, only := []any{}, fmt.Sprintf("?%s=%s-%d", use, v.ID, v.Media.Rev)
	for _, r := range v.Media.Renditions {
		if r.Language != "" {
			continue // an alternative sound track is no video
		}
		kind := "video/mp4"
		if r.Height == 0 {
			kind = "audio/mp4"
		}
		files = append(files, Object{
			"type": "Link", "mediaType": kind, "href": s.Channel.MediaURL(v, r.File) + only,
			"height": r.Height, "width": r.Width, "size": r.Bytes, "fps": int(math.Round(r.FPS)),
		})
	}
	return files
}

// Chapters returns the document that hasParts of a video names.
func (s Site) Chapters(v store.Video) Object {
	parts := []any{}
	for i, c := range v.Chapters {
		end := v.Media.Duration
		if i+1 < len(v.Chapters) {
			end = v.Chapters[i+1].Start
		}
		parts = append(parts, Object{"name": c.Title, "startOffset": int64(c.Start.Seconds()), "endOffset": int64(end.Seconds())})
	}
	return withContext(videoTerms(), Object{"id": s.Video(v.ID) + "/chapters", "hasPart": parts})
}

// canReply is how PeerTube says who may answer at once.
func canReply(p Policy) any {
	if p == Approved {
		return Public
	}
	return nil
}
