package work

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// ingest is one publish in progress: a folder of its own in work/, which any sweep leaves
// alone while this process lives.
type ingest struct {
	w      *Worker
	dir    string
	lock   *disk.Lock
	report func(Event)

	name    string // what the creator calls the file
	path    string // where its bytes are
	stdin   bool   // path is our own copy
	before  os.FileInfo
	src     media.Source
	unknown bool // nobody could look inside, since ffmpeg is missing
	plan    media.Plan
	always  bool   // the creator wants every original kept
	keep    bool   // the original is to be stored
	id      string // of the video that gets a new file, else ""
	hash    *hashing
}

// openIngest makes the folder. A sweep between making and locking it would take it for
// left over, hence the place lock.
func (w *Worker) openIngest(ctx context.Context, report func(Event)) (*ingest, error) {
	if report == nil {
		report = func(Event) {}
	}
	g := &ingest{w: w, report: report}
	err := w.placing(ctx, func(context.Context) (err error) {
		if err = os.MkdirAll(w.path("work"), 0o700); err != nil {
			return err
		}
		if g.dir, err = os.MkdirTemp(w.path("work"), "in-"); err != nil {
			return err
		}
		g.lock, err = disk.TryLock(filepath.Join(g.dir, ".lock"))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("begin: %w", err)
	}
	return g, nil
}

// close removes what was not placed.
func (g *ingest) close() {
	g.stopHash()
	if err := os.RemoveAll(g.dir); err != nil {
		g.w.log.Warn("work folder not removed", "dir", g.dir, "err", err)
	}
	g.lock.Release()
}

func (g *ingest) stopHash() {
	if g.hash != nil {
		g.hash.stop()
	}
}

func (g *ingest) progress(stage string) func(media.Progress) {
	return func(p media.Progress) {
		if p.Stage == "" {
			p.Stage = stage
		}
		g.report(Event{Kind: EventProgress, Stage: p.Stage, Percent: p.Percent, Speed: p.Speed, ETA: p.ETA})
	}
}

// read finds out what the file is, whether it was published before, what is to be made of it,
// and whether there is room for that.
func (g *ingest) read(ctx context.Context, p Publish) error {
	var err error
	if p.Path == "" {
		err = g.spool(ctx, p)
	} else {
		g.name = filepath.Base(p.Path)
		if g.path, err = check.Regular(p.Path); err != nil {
			err = &InputError{What: "file", Err: err}
		}
	}
	if err != nil {
		return err
	}
	if g.before, err = os.Stat(g.path); err != nil {
		return err
	}
	if g.src, g.unknown, err = g.w.probe(ctx, g.path); err != nil {
		return err
	}
	g.src.Bytes = g.before.Size()
	if err := g.prepare(ctx); err != nil {
		return err
	}
	if err := g.refuseKnown(ctx); err != nil {
		return err
	}
	return g.w.room(g.needed())
}

// probe looks at a file. Without ffmpeg there are formats that nobody can look into: then
// unknown is true and a job does it later.
func (w *Worker) probe(ctx context.Context, path string) (src media.Source, unknown bool, err error) {
	src, err = w.media.Probe(ctx, path)
	if errors.Is(err, media.ErrNoFFmpeg) {
		return media.Source{Path: path}, true, nil
	}
	return src, false, err
}

// refuseKnown returns a *store.DuplicateError for a file that was published before. Only one
// whose size is known needs to be read for that.
func (g *ingest) refuseKnown(ctx context.Context) error {
	if g.hash == nil {
		known, err := g.w.store.HasSourceBytes(ctx, g.src.Bytes)
		if err != nil || !known {
			return err
		}
		g.progress("comparing")(media.Progress{})
		g.hash = startHash(ctx, g.path)
	}
	sum, err := g.hash.wait()
	if err != nil {
		return err
	}
	return g.w.store.CheckDuplicate(ctx, g.id, sum)
}

// prepare decides what will be made.
func (g *ingest) prepare(ctx context.Context) error {
	limit, err := g.w.maxHeight(ctx)
	if err != nil {
		return err
	}
	if g.always, err = g.w.keepsOriginals(ctx); err != nil {
		return err
	}
	if !g.unknown {
		g.plan = g.w.media.Plan(g.src, limit)
	}
	g.keep = g.always || !g.plan.Copy || g.more()
	return nil
}

// more reports whether the source has streams that a copied rendition lacks.
func (g *ingest) more() bool { return len(g.plan.Audio) > 0 || len(g.src.Subtitles) > 0 }

// needed estimates how much will be written to the disk.
func (g *ingest) needed() int64 {
	need := g.plan.Bytes + encodedBytes(g.plan.Rungs, g.src) // the parts are joined beside them
	if g.keep && !g.stdin {
		need += g.src.Bytes
	}
	return need
}

// make fills dir with what is stored together with the row: the stream copy of a web-ready
// file, the poster that was asked for, and the original where it is kept.
func (g *ingest) make(ctx context.Context, dir string, poster check.Thumbnail) (store.Media, []store.Job, error) {
	m := g.facts()
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return m, nil, err
	}
	p, err := g.w.poster(ctx, g.src, poster, dir)
	if err != nil {
		return m, nil, err
	}
	m.Poster, m.Thumb, m.PosterWidth, m.PosterHeight = p.File, p.Thumb, p.Width, p.Height
	if g.hash == nil {
		g.hash = startHash(ctx, g.path)
	}
	if g.plan.Copy {
		if err := g.copyStreams(ctx, &m, dir); err != nil {
			return m, nil, err
		}
	}
	if g.keep {
		if m.SourceFile, err = g.storeSource(ctx, dir); err != nil {
			return m, nil, err
		}
	}
	if err := disk.SyncTree(filepath.Dir(dir)); err != nil {
		return m, nil, err
	}
	if m.SourceSHA256, err = g.sum(); err != nil {
		return m, nil, err
	}
	if err := g.unchanged(); err != nil {
		return m, nil, err
	}
	jobs := g.jobs(&m)
	return m, jobs, nil
}

// facts is what is known of the media before anything was made.
func (g *ingest) facts() store.Media {
	m := store.Media{Rev: 1, State: store.Processing, SourceName: check.Line(g.name, check.MaxTitle), SourceBytes: g.src.Bytes}
	setFacts(&m, g.src)
	return m
}

// setFacts copies what a probe found.
func setFacts(m *store.Media, src media.Source) {
	m.Duration, m.FPS = src.Duration, src.FPS
	m.Width, m.Height = src.Width, src.Height
	m.HasVideo, m.HasAudio = src.HasVideo, src.HasAudio
}

// copyStreams makes the copied rendition beside dir and moves its two files in. Where the
// streams are not what they seemed, the original is kept and encoded.
func (g *ingest) copyStreams(ctx context.Context, m *store.Media, dir string) error {
	scratch := filepath.Join(g.dir, "copy")
	if err := os.MkdirAll(scratch, 0o700); err != nil {
		return err
	}
	r, err := g.w.media.Copy(ctx, g.src, scratch, g.progress("copying"))
	// Without ffmpeg our own remuxer is alone, and it does not take everything.
	if errors.Is(err, media.ErrNotCopyable) || errors.Is(err, media.ErrNoFFmpeg) {
		g.w.log.Info("streams not copied", "file", g.name, "why", err)
		g.keep = true
		return os.RemoveAll(scratch)
	}
	if err != nil {
		return fmt.Errorf("copy streams: %w", err)
	}
	for _, name := range []string{r.File, r.Playlist} {
		if err := os.Rename(filepath.Join(scratch, name), filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	m.Renditions, m.State = []store.Rendition{rendition(r)}, store.Watchable
	return nil
}

// jobs decides what comes after the row, and whether all renditions are there.
func (g *ingest) jobs(m *store.Media) []store.Job {
	var jobs []store.Job
	if m.Poster == "" {
		jobs = append(jobs, newJob(kindPoster))
	}
	if len(m.Renditions) == 0 {
		return append(jobs, newJob(kindTranscode))
	}
	left := remaining(g.plan, g.src, m.Renditions)
	if left.none() {
		m.State = store.Done
	}
	return append(jobs, following(*m, g.src, g.id != "", left)...)
}

// unchanged returns an error when the file was written to, or another one put in its place,
// while it was read.
func (g *ingest) unchanged() error {
	if g.stdin {
		return nil
	}
	now, err := os.Stat(g.path)
	if err != nil {
		return err
	}
	if !os.SameFile(now, g.before) || now.Size() != g.before.Size() || !now.ModTime().Equal(g.before.ModTime()) {
		return &InputError{What: "file", Err: errors.New("it was changed while it was read: publish it again when it is complete")}
	}
	return nil
}

// sum waits for the checksum. The row is not committed without it, since no later moment
// is sure to come: the original may not be kept, and then nothing else tells the same file
// when it is published again. With SHA instructions hashing ends before the copying does; a
// processor that has none, such as a Raspberry Pi 4's, needs some seconds a gigabyte more.
func (g *ingest) sum() (string, error) {
	select {
	case <-g.hash.done:
	default:
		g.progress("reading the file to the end")(media.Progress{})
	}
	sum, err := g.hash.wait()
	if err != nil {
		return "", fmt.Errorf("read the file to the end: %w", err)
	}
	return sum, nil
}

// spaceError says what to do about a full disk, which the parts tell in their own words.
func (g *ingest) spaceError(err error) error {
	var told *SpaceError
	if err == nil || errors.As(err, &told) || errors.Is(err, context.Canceled) ||
		errors.Is(err, store.ErrExists) || !disk.Full(g.w.data, err) {
		return err
	}
	free, _ := disk.Free(g.w.data)
	return &SpaceError{Dir: g.w.data, Needed: g.needed() + roomToWork, Free: free}
}

// extForm is a file name's extension that is safe in an address.
var extForm = regexp.MustCompile(`^\.[a-z0-9]{1,5}$`)

// sourceName names a stored original after what it is.
func (g *ingest) sourceName() string {
	ext := strings.ToLower(filepath.Ext(g.name))
	if extForm.MatchString(ext) {
		return "source" + ext
	}
	for _, f := range []struct{ format, ext string }{
		{"mp4", ".mp4"}, {"matroska", ".mkv"}, {"mpegts", ".ts"}, {"avi", ".avi"}, {"flv", ".flv"},
		{"ogg", ".ogg"}, {"wav", ".wav"}, {"mp3", ".mp3"}, {"flac", ".flac"},
	} {
		if slices.Contains(strings.Split(g.src.Format, ","), f.format) {
			return "source" + f.ext
		}
	}
	return "source.bin"
}
