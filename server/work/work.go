// Package work turns a creator's file into a video of the channel and does the jobs that
// follow: it is the only writer of videos/ and work/ in the data directory.
//
//	work.lock      held by the one process that runs jobs: the server, or a publish command
//	place.lock     held while a file appears in videos/ and its row is committed, and by the sweep
//	work/in-*/     one publish in progress; its .lock is held as long as its process lives
//	work/job-*/    one job in progress; its parts survive a kill and are used again
//	videos/        whole, immutable files, each named by a row
//
// Rows are the truth. A file is written in work/, synced, renamed into videos/, the folder is
// synced, and only then the row is committed: whatever stops the process at any moment, the
// next sweep removes what no row names, and the job goes on from its last finished part.
package work

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// Config is what a Worker needs. All fields but Log are required.
type Config struct {
	Data  string // the data directory
	Store *store.Store
	Media *media.Maker
	Log   *slog.Logger // nil discards
}

// Worker publishes files and runs jobs. It is safe for use by several goroutines and holds
// no state that another process would miss: everything is in rows, files and locks.
type Worker struct {
	data  string
	store *store.Store
	media *media.Maker
	log   *slog.Logger
}

// New returns a Worker on the given data directory.
func New(cfg Config) *Worker {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Worker{data: cfg.Data, store: cfg.Store, media: cfg.Media, log: log}
}

// Publish says what to publish and what the creator says about it. Zero fields take their
// defaults: the title comes from the file, the language from the channel, the licence
// and downloads from the settings, and the video is public at once.
type Publish struct {
	Path        string    // the file; or, when empty,
	Stdin       io.Reader // the stream to read it from
	Name        string    // a file name for Stdin, when known
	Title       string
	Description string // Markdown
	Language    string // BCP 47
	License     string
	Tags        []string
	Visibility  store.Visibility  // empty means public
	At          time.Time         // when to show it; zero or past means as soon as it is watchable
	Thumbnail   string            // an image file, or a time such as 1:23
	Captions    map[string]string // language → subtitle file, WebVTT or SubRip
	Chapters    string            // chapter file; else the description's timestamps, else the container's
}

// Kinds of Event.
const (
	EventProgress  = "progress"  // Stage, Percent, Speed, ETA
	EventWatchable = "watchable" // Video can be watched now
	EventDone      = "done"      // every planned rendition is there
	EventWaiting   = "waiting"   // Job waits for something outside: Reason
	EventFailed    = "failed"    // Job was given up: Reason
)

// Event is one thing that happened to a video while its maker looks on. Publish and Follow
// may both report EventWatchable: act on the first.
type Event struct {
	Kind    string
	Video   store.Video
	Job     store.Job // zero while publishing
	Stage   string
	Percent float64
	Speed   float64
	ETA     time.Duration
	Reason  string
}

// DryRun is what publishing a file would do.
type DryRun struct {
	Title     string
	Source    media.Source
	Plan      media.Plan
	Keeps     bool   // a copy of the source would be stored
	Free      int64  // bytes free on the disk of the data directory
	Needed    int64  // bytes wanted there, with some room to work
	Duplicate string // id of the video that has this very file, if any
}

// InputError is a mistake in what the creator asked for, told before anything was stored.
type InputError struct {
	What string // the option or field: "captions de", "chapters"
	Err  error  // what is wrong, and what to do
}

func (e *InputError) Error() string { return e.What + ": " + e.Err.Error() }

// Unwrap returns the underlying error.
func (e *InputError) Unwrap() error { return e.Err }

// SpaceError says that the disk has too little room.
type SpaceError struct {
	Dir          string
	Needed, Free int64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("the disk that holds %s has %s free and this needs about %s: make room there and try again",
		e.Dir, bytes(e.Free), bytes(e.Needed))
}

// FailedError is returned by Follow when the making of a video was given up.
type FailedError struct{ Reason string }

func (e *FailedError) Error() string { return e.Reason }

func (w *Worker) path(elem ...string) string {
	return filepath.Join(append([]string{w.data}, elem...)...)
}

// RevDir returns the folder of one revision's files.
func (w *Worker) revDir(id string, rev int) string {
	return w.path("videos", id, fmt.Sprint(rev))
}

// bytes prints a size as people read it.
func bytes(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(max(n, 0))/1e3)
}

// ensure os is used until the parts land
var _ = os.ErrExist

var _ context.Context
