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
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// Config is what a Worker needs. All fields but Log are required.
type Config struct {
	Data  string // the data directory
	Store *store.Store
	Media *media.Maker
	Log   *slog.Logger // nil discards

	// Tune is called before each job, to take over settings that were changed; nil for none.
	Tune func(context.Context) error
}

// Worker publishes files and runs jobs. It is safe for use by several goroutines and holds
// no state that another process would miss: everything is in rows, files and locks.
type Worker struct {
	data  string
	store *store.Store
	media *media.Maker
	log   *slog.Logger
	tune  func(context.Context) error
}

// New returns a Worker on the given data directory.
func New(cfg Config) *Worker {
	log := cfg.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	tune := cfg.Tune
	if tune == nil {
		tune = func(context.Context) error { return nil }
	}
	return &Worker{data: cfg.Data, store: cfg.Store, media: cfg.Media, log: log, tune: tune}
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
	P2P         string            // how viewers share it: on, ask, off, or empty for what the setting p2p says
	Commenting  string            // who may comment: open, approve, links, closed, or empty for what the setting comments says
	Warning     string            // what viewers are warned of
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
type InputError = check.Error

// SpaceError says that the disk has too little room.
type SpaceError struct {
	Dir          string
	Needed, Free int64
}

func (e *SpaceError) Error() string {
	return fmt.Sprintf("the disk that holds %s has %s free and this needs about %s: make room there and try again",
		e.Dir, size(e.Free), size(e.Needed))
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

// size prints a size as people read it.
func size(n int64) string {
	switch {
	case n >= 1e9:
		return fmt.Sprintf("%.1f GB", float64(n)/1e9)
	case n >= 1e6:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	}
	return fmt.Sprintf("%.0f kB", float64(max(n, 0))/1e3)
}

// roomToWork is kept free beside what a publish or a job is expected to write.
const roomToWork = 64 << 20

// room returns a *SpaceError unless n bytes, and some room to work, are free.
func (w *Worker) room(n int64) error {
	free, err := disk.Free(w.data)
	if err != nil {
		return err
	}
	if free < n+roomToWork {
		return &SpaceError{Dir: w.data, Needed: n + roomToWork, Free: free}
	}
	return nil
}

// MakeBallast reserves 64 MiB in the data directory, to be given back when the disk is full so
// that rows can be written and files removed. The worker makes them again when there is room.
func MakeBallast(data string) error { return disk.MakeBallast(data) }

// record runs one transaction of the store; when the disk is too full for it, the ballast is
// given back and it runs again. It is not cut short by an interrupt.
func (w *Worker) record(ctx context.Context, do func(context.Context) error) error {
	ctx = context.WithoutCancel(ctx)
	err := do(ctx)
	if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrExists) && disk.Full(w.data, err) && w.dropBallast() {
		err = do(ctx)
	}
	return err
}

func (w *Worker) dropBallast() bool {
	dropped := disk.DropBallast(w.data)
	if dropped {
		w.log.Warn("disk full, ballast given back", "dir", w.data)
	}
	return dropped
}

// placing runs do while no other process places files or sweeps. It is short: a few renames
// and one transaction. An interrupt does not reach do, so that its outcome is known.
func (w *Worker) placing(ctx context.Context, do func(context.Context) error) error {
	l, err := disk.WaitLock(ctx, w.path("place.lock"), 5*time.Millisecond)
	if err != nil {
		return fmt.Errorf("wait for other commands: %w", err)
	}
	defer l.Release()
	return do(context.WithoutCancel(ctx))
}

// Tune gives m the settings that are about making renditions.
func Tune(ctx context.Context, s *store.Store, m *media.Maker) error {
	values := map[string]string{}
	settings, err := s.Settings(ctx)
	if err != nil {
		return err
	}
	for _, set := range settings {
		values[set.Key] = set.Value
	}
	threads, err := strconv.Atoi(values["threads"])
	if err != nil {
		return fmt.Errorf("read setting threads: %w", err)
	}
	nice, err := strconv.Atoi(values["transcode.nice"])
	if err != nil {
		return fmt.Errorf("read setting transcode.nice: %w", err)
	}
	m.Tune(threads, nice, values["encoder"])
	return nil
}

func (w *Worker) maxHeight(ctx context.Context) (int, error) {
	value, err := w.store.Setting(ctx, "max_height")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(value)
}

// keepsOriginals reports whether the creator wants every original stored.
func (w *Worker) keepsOriginals(ctx context.Context) (bool, error) {
	value, err := w.store.Setting(ctx, "keep_originals")
	return value == "always", err
}
