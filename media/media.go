// Package media makes a source file playable: it looks at one file, says what can be made
// of it, and fills one folder with renditions, posters, storyboards and subtitles.
//
//	Probe -> Source -> Plan -> Copy | Encode | Audio -> 1080p.mp4 1080p.m3u8 ...
//
// It owns every run of ffmpeg and ffprobe, all of them behind one function with hard
// limits (run.go), and it knows no database. Every file it hands back is whole, fsynced
// and renamed into place; half-made work lies under chunks/ and survives a crash.
package media

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// ErrNoFFmpeg is wrapped by whatever needs ffmpeg on a machine that has none.
var ErrNoFFmpeg = errors.New("ffmpeg is not installed")

// ErrNotCopyable is wrapped by Copy when the streams, once read, are not what the probe
// promised: the caller should encode the top rendition instead.
var ErrNotCopyable = errors.New("the streams cannot be copied as they are")

// RefusedError says why a file is not published, in a sentence for its owner.
type RefusedError struct{ Reason string }

func (e *RefusedError) Error() string { return e.Reason }

// Config is what a Maker needs to know. The zero value works.
type Config struct {
	FFmpeg  string       // path of ffmpeg; empty means the one in PATH, looked up at each use
	FFprobe string       // path of ffprobe; likewise
	Threads int          // of decoder, filters and encoders each; 0 means as many as there are cores
	Encoder string       // "auto", "libx264", or the ffmpeg name of a hardware encoder
	Nice    int          // of background work, 0..19; what a person waits for runs at normal priority
	Log     *slog.Logger // nil discards
}

// Maker makes renditions. It is safe for concurrent use; it starts no goroutine that
// outlives a call.
type Maker struct {
	cfg Config
	log *slog.Logger
	// Tests make these small.
	gops  int           // in a chunk
	scans int           // packets read of a file
	stall time.Duration // without progress, after which a run is killed

	tuning sync.Mutex // guards Threads, Nice and Encoder of cfg

	used func(*os.ProcessState) // told of every finished run; benchmarks count with it

	mu       sync.Mutex        // guards encoders, also while they are tried
	encoders map[string]string // setting and ffmpeg version -> encoder that passed the test
	open     sync.Map          // paths of programs that do not run in a cage
}

// New returns a Maker for cfg.
func New(cfg Config) *Maker {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Maker{cfg: cfg, log: log, gops: chunkGOPs, scans: maxPackets, stall: noProgress, encoders: map[string]string{}}
}

// Tune changes three parts of the configuration. What runs goes on as it was begun, but for
// the parts of it that are still to be started.
func (m *Maker) Tune(threads, nice int, encoder string) {
	m.tuning.Lock()
	defer m.tuning.Unlock()
	m.cfg.Threads, m.cfg.Nice, m.cfg.Encoder = threads, nice, encoder
}

// SetThreads changes the number of threads alone.
func (m *Maker) SetThreads(n int) {
	m.tuning.Lock()
	defer m.tuning.Unlock()
	m.cfg.Threads = n
}

// config returns the configuration as it is now.
func (m *Maker) config() Config {
	m.tuning.Lock()
	defer m.tuning.Unlock()
	return m.cfg
}

// Available says whether both ffmpeg and ffprobe can be run now.
func (m *Maker) Available() bool {
	_, err := m.tool(ffmpeg)
	_, err2 := m.tool(ffprobe)
	return err == nil && err2 == nil
}

// Names of the two programs.
const (
	ffmpeg  = "ffmpeg"
	ffprobe = "ffprobe"
)

// tool finds the program of that name: the configured one, else the one in PATH.
func (m *Maker) tool(name string) (string, error) {
	path := m.cfg.FFmpeg
	if name == ffprobe {
		path = m.cfg.FFprobe
	}
	if path == "" {
		path = name
	}
	found, err := exec.LookPath(path)
	if err != nil {
		return "", ErrNoFFmpeg
	}
	return found, nil
}

// Tool finds "ffmpeg" or "ffprobe" and asks it for its version. Both are empty when it is
// not there.
func (m *Maker) Tool(ctx context.Context, name string) (path, version string) {
	path, err := m.tool(name)
	if err != nil {
		return "", ""
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, path, "-version")
	cmd.Env = []string{}
	out, err := cmd.Output()
	if err != nil {
		return path, ""
	}
	// "ffmpeg version 5.1.9-0+deb12u1 Copyright (c) ..."
	if words := strings.Fields(string(out)); len(words) > 2 && words[1] == "version" {
		version = words[2]
	}
	return path, version
}

// Rendition is one playable file and what a master playlist says about it.
type Rendition struct {
	Height    int    // the ladder's name for it: the short side; 0 for audio only
	File      string // "720p.mp4", "audio.mp4", "audio-de.mp4"
	Playlist  string // "720p.m3u8"
	Bytes     int64
	Duration  time.Duration // as measured in the file
	Width     int
	PixHeight int // pixel rows of the picture
	FPS       float64
	Codecs    string // RFC 6381
	Bandwidth int    // peak bits per second over any segment
	Average   int    // bits per second over the whole
	Copied    bool   // stream-copied from the source
	Language  string // BCP 47, of an audio-only rendition that is an alternative track
}

// Progress is how far a piece of work has come.
type Progress struct {
	Stage   string  // what is being done, for people: "encoding 720p, 480p"
	Percent float64 // 0..100
	Speed   float64 // times real time, 0 when unknown
	ETA     time.Duration
}

// Storyboard is a grid of small pictures for the preview over the scrubber.
type Storyboard struct {
	File     string // one JPEG
	VTT      string // WebVTT whose cues point into File
	Columns  int
	Rows     int
	Width    int // of one tile
	Height   int
	Interval time.Duration // between tiles
}

// Caption is a text track taken out of the source.
type Caption struct {
	Language string // BCP 47, "und" when the source does not say
	Label    string
	File     string
}
