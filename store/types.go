package store

import "time"

// Channel is the one channel of this instance: who publishes, and where.
type Channel struct {
	Handle      string // local part of @handle@domain, [a-z0-9_], permanent
	Domain      string // host, or host:port when Local; permanent, since it is part of every id
	Local       bool   // plain http and no certificates: for trying out and for tests
	Name        string // shown name
	Description string // Markdown
	Language    string // BCP 47 default for new videos and the pages' lang attribute
	Avatar      string // file name under channel/, empty for none
	Banner      string // file name under channel/, empty for none
	Links       []Link // shown on the channel page
	CreatedAt   time.Time
}

// Link is one of the creator's own addresses elsewhere.
type Link struct {
	Label string
	URL   string
}

// Visibility says who may find a published video.
type Visibility string

const (
	Public   Visibility = "public"   // listed, searchable, in feeds
	Unlisted Visibility = "unlisted" // watchable by whoever has the address, named nowhere
	Draft    Visibility = "draft"    // watchable only with a preview address
)

// Video is what the creator says about one video, with the media now served for it.
type Video struct {
	ID          string // ten characters of [0-9a-z], permanent, the last part of its address
	UUID        string // random UUID, for peers that key on one
	Title       string
	Description string // Markdown
	Language    string // BCP 47, empty when unknown
	License     string // SPDX identifier or free text, empty when unsaid
	Tags        []string
	Visibility  Visibility
	Downloads   bool   // whether the pages offer the renditions for download, and, with the setting "downloads" at all, the original
	P2P         string // whether viewers share it among themselves: on, ask, off, or empty for what the setting p2p says
	Commenting  string // who may comment: open, approve, links, closed, or empty for what the setting comments says
	Warning     string // what viewers are warned of before they see it, empty for nothing
	Views       int64
	Likes       int64
	Dislikes    int64
	Boosts      int64
	Comments    int       // comments shown under it
	PublishAt   time.Time // scheduled moment, zero when none
	PublishedAt time.Time // first moment it was visible, zero when not yet
	CreatedAt   time.Time
	UpdatedAt   time.Time
	PinnedAt    time.Time // since when it is shown first, zero when it is not
	Chapters    []Chapter
	Captions    []Caption
	Media       Media // the revision now served; Rev is 0 while nothing is watchable
}

// MediaState is how far the making of one revision has come.
type MediaState string

const (
	Processing MediaState = "processing" // nothing playable yet
	Watchable  MediaState = "watchable"  // at least one rendition plays, more are coming
	Done       MediaState = "done"       // every planned rendition is there
	Failed     MediaState = "failed"     // work ended; Error says why. What plays, plays on
)

// Media is one revision of a video's media: a source file and what was made of it.
// Replacing a video's file makes a new revision in a new folder; every file in a
// revision's folder is immutable.
type Media struct {
	Rev          int // 1, 2, ...; the folder is videos/<id>/<rev>/
	State        MediaState
	Error        string
	SourceName   string // base name of the file the creator gave
	SourceBytes  int64
	SourceSHA256 string // lower-case hex of the whole source, empty while not yet known
	SourceFile   string // file name in the revision's folder when the original is kept, else empty
	Duration     time.Duration
	Width        int // display size of the source, after rotation; 0 for audio only
	Height       int
	FPS          float64
	HasVideo     bool
	HasAudio     bool
	Poster       string // file name in the revision's folder, empty while there is none
	PosterWidth  int
	PosterHeight int
	Thumb        string // the poster smaller, for lists; empty where it is small itself
	Storyboard   Storyboard
	Renditions   []Rendition // highest first
}

// Rendition is one playable file: a fragmented MP4 with its byte-range playlist.
type Rendition struct {
	Height    int    // the ladder's name for it: the short side; 0 for audio only
	File      string // "<height>p.mp4", or "audio.m4a"-like "audio.mp4" for audio only
	Playlist  string // "<height>p.m3u8" or "audio.m3u8"
	Bytes     int64
	Width     int
	PixHeight int // pixel rows of the picture
	FPS       float64
	Codecs    string // RFC 6381, as in the master playlist: "avc1.64001f,mp4a.40.2"
	Bandwidth int    // peak bits per second over any segment, for BANDWIDTH
	Average   int    // bits per second over the whole, for AVERAGE-BANDWIDTH
	Copied    bool   // stream-copied from the source
	Language  string // of an audio-only rendition that is an alternative track, else empty
	Infohash  string // BitTorrent v1 infohash in hex, empty until its torrent exists
	Pieces    int64  // bytes of one piece of its torrent
}

// Storyboard is a grid of small pictures for the preview over the scrubber.
type Storyboard struct {
	File     string // one JPEG, empty while there is none
	VTT      string // WebVTT whose cues point into File with #xywh
	Columns  int
	Rows     int
	Width    int // of one tile
	Height   int
	Interval time.Duration // between tiles
}

// Caption is one text track.
type Caption struct {
	Language string // BCP 47
	Label    string
	File     string // name in videos/<id>/captions/
}

// Chapter is one named point in a video.
type Chapter struct {
	Start time.Duration
	Title string
}

// Comment is one visible answer to a video, already sanitised.
type Comment struct {
	ID          int64
	Video       string
	Parent      int64 // 0 at top level
	AuthorName  string
	AuthorAcct  string // @user@host
	AuthorURL   string
	Avatar      string // address on our own host, empty for none
	HTML        string // sanitised
	URL         string // where it was written
	Likes       int
	Boosts      int
	PublishedAt time.Time
	EditedAt    time.Time // zero when never
}

// JobState is where a job stands.
type JobState string

const (
	JobQueued  JobState = "queued"  // due when RunAt has come
	JobRunning JobState = "running" // claimed by the process that holds the work lock
	JobWaiting JobState = "waiting" // for something outside, named in Reason; looked at again at RunAt
	JobDone    JobState = "done"
	JobFailed  JobState = "failed" // given up; Reason says why
)

// Job is one piece of work that must survive a restart.
type Job struct {
	ID        int64
	Kind      string // "transcode", "poster", "storyboard", ...: the name in the worker's table
	Video     string // empty when it belongs to none
	Rev       int
	State     JobState
	Stage     string  // what it does now, for people
	Percent   float64 // 0..100
	Speed     float64 // times real time, 0 when unknown
	ETA       time.Duration
	Reason    string // of waiting or failed
	Attempts  int
	Priority  int // of the due ones the highest goes first: what makes a video watchable before what only improves one
	RunAt     time.Time
	CreatedAt time.Time
	UpdatedAt time.Time
}
