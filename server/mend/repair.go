package mend

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// What became of a finding.
const (
	FromBackup = "backup" // the very bytes are back
	Made       = "made"   // made anew
	Queued     = "queued" // a job makes it anew
	Lost       = "lost"   // nothing here can bring it back
	Kept       = "kept"   // it could not be looked at, so that nothing was done
)

// Mended is what became of one finding.
type Mended struct {
	Finding
	How  string
	Note string // for people: from where, or why not
}

// Repairs says how to repair.
type Repairs struct {
	Config
	Worker *work.Worker
	From   string // a backup, or a folder of backups; empty for none
	DryRun bool   // only say what would be done
}

// repair is one round of repairing.
type repair struct {
	Repairs
	root   *os.Root
	backup vault.Backup
	at     map[string]proof.File // what the backup has
	bad    map[string]bool       // paths of all findings
	videos map[string][]archive.File
	lost   map[store.MediaRef]*work.Lost
	list   []Mended
}

// Repair brings back what Verify found. A file of which a backup has the very bytes is
// taken from there; what was made here can be made again; a rendition is encoded again
// where something at least as good is left.
func Repair(ctx context.Context, cfg Repairs, found []Finding) ([]Mended, error) {
	r := &repair{Repairs: cfg, at: map[string]proof.File{}, bad: map[string]bool{}, videos: map[string][]archive.File{}, lost: map[store.MediaRef]*work.Lost{}}
	if err := r.run(ctx, found); err != nil {
		return r.list, fmt.Errorf("repair: %w", err)
	}
	return r.list, nil
}

func (r *repair) run(ctx context.Context, found []Finding) (err error) {
	if r.root, err = openData(r.Data); err != nil {
		return err
	}
	defer r.root.Close()
	if r.From != "" {
		if r.backup, err = vault.Find(r.From); err != nil {
			return err
		}
		for _, f := range r.backup.Manifest.Files {
			r.at[f.Path] = f
		}
	}
	files, err := r.Store.Archive().Files(ctx)
	if err != nil {
		return err
	}
	for _, f := range files {
		r.videos[f.Video] = append(r.videos[f.Video], f)
	}
	for _, f := range found {
		r.bad[f.File.Path] = true
	}
	// Films first: playlists, torrents and pictures are made of them.
	slices.SortStableFunc(found, func(a, b Finding) int { return order(a.File.What) - order(b.File.What) })
	for _, f := range found {
		m, err := r.one(ctx, f)
		if err != nil {
			return fmt.Errorf("%s: %w", f.File.Path, err)
		}
		r.list = append(r.list, m)
		if m.How == FromBackup || m.How == Made {
			delete(r.bad, f.File.Path)
		}
	}
	for ref, lost := range r.lost {
		if r.DryRun {
			break
		}
		if err := r.Worker.Remake(ctx, ref, *lost); err != nil {
			return err
		}
	}
	return nil
}

func order(what string) int {
	first := []string{archive.Source, archive.Rendition, archive.Playlist, archive.Torrent, archive.Hashes}
	if i := slices.Index(first, what); i >= 0 {
		return i
	}
	return len(first)
}

// one brings one file back, or says that it cannot.
func (r *repair) one(ctx context.Context, f Finding) (Mended, error) {
	if ok, err := r.fromBackup(ctx, f.File); ok || err != nil {
		return Mended{f, FromBackup, r.backup.Folder}, err
	}
	if unseen(f) {
		return Mended{f, Kept, "it could not be looked at and stays as it is: see to its disk and to who may read it, then repair again"}, nil
	}
	how, note, err := r.anew(ctx, f)
	return Mended{f, how, note}, err
}

// unseen reports whether a film, an original or captions could not be looked at, which says
// nothing about their bytes: a disk that stuttered once, or rights that were taken away. All
// else is small, and made anew beside its place.
func unseen(f Finding) bool {
	precious := []string{archive.Source, archive.Rendition, archive.Caption}
	return slices.Contains(precious, f.File.What) && !proof.Bad(f.Err) && !errors.Is(f.Err, fs.ErrNotExist)
}

// anew makes a file anew, or queues that.
func (r *repair) anew(ctx context.Context, found Finding) (how, note string, err error) {
	f := found.File
	ref := store.MediaRef{Video: f.Video, Rev: f.Rev}
	switch f.What {
	case archive.Rendition:
		return r.rendition(ctx, f)
	case archive.Playlist, archive.Torrent, archive.Hashes:
		if r.bad[besides(f.Path, ".mp4")] {
			return Queued, "comes with its rendition", nil
		}
		if f.What == archive.Hashes && r.bad[besides(f.Path, ".m3u8")] {
			return Lost, "its playlist cannot be made", nil
		}
		text, err := r.compute(ctx, f)
		if err != nil {
			return Lost, err.Error(), ctx.Err()
		}
		return Made, "from its rendition", r.put(ctx, f.Path, text)
	case archive.Poster:
		r.losing(ref).Poster = true
		return Queued, "another picture of the video", nil
	case archive.Storyboard, archive.Tiles:
		r.losing(ref).Storyboard = true
		return Queued, "from the video", nil
	case archive.Source:
		return r.source(ref, found)
	case archive.Caption:
		return Lost, "give it anew: tubelet edit " + f.Video + " --caption " + f.Language + "=FILE", nil
	}
	return Lost, r.advice(), nil
}

// source says what becomes of an original. Its row is forgotten only when the file is gone:
// the next sweep removes what no row names, and one flipped bit is no reason for that.
func (r *repair) source(ref store.MediaRef, f Finding) (how, note string, err error) {
	left := r.best(ref.Video, ref.Rev) != nil
	switch {
	case !errors.Is(f.Err, proof.ErrMissing) && left:
		return Lost, "the file is kept as it is, and what was made of it plays on. " + r.advice(), nil
	case !errors.Is(f.Err, proof.ErrMissing):
		return Lost, "it is all there was of this video, and is kept as it is. " + r.advice(), nil
	case !left:
		return Lost, "it is all there was of this video", nil
	}
	r.losing(ref).Source = true
	return Lost, "what was made of it plays on; it is no longer counted on", nil
}

func (r *repair) advice() string {
	if r.From == "" {
		return "only a backup has it: tubelet repair --from DIR"
	}
	return "this backup does not have it as it was; another may"
}

func (r *repair) losing(ref store.MediaRef) *work.Lost {
	if r.lost[ref] == nil {
		r.lost[ref] = &work.Lost{}
	}
	return r.lost[ref]
}

// best returns the best file that is left of a revision to make others of: the original, else
// the highest rendition with a picture or, of sound, any.
func (r *repair) best(video string, rev int) *archive.File {
	var best *archive.File
	for _, f := range r.videos[video] {
		if f.Rev != rev || r.bad[f.Path] {
			continue
		}
		if f.What == archive.Source {
			return &f
		}
		if f.What == archive.Rendition && f.Language == "" && (best == nil || f.Height > best.Height) {
			best = &f
		}
	}
	return best
}

// rendition queues that a rendition is made anew, where what is left is as good.
func (r *repair) rendition(ctx context.Context, f archive.File) (how, note string, err error) {
	best := r.best(f.Video, f.Rev)
	switch {
	case best == nil:
		return Lost, "nothing is left of this video to make it from; publish the file again: tubelet replace " + f.Video + " FILE. " + r.advice(), nil
	case best.What != archive.Source && (f.Language != "" || best.Height <= f.Height):
		return Lost, "what is left of this video is worse; lower renditions play on. " + r.advice(), nil
	}
	m, err := r.Store.MediaRev(ctx, f.Video, f.Rev)
	if err != nil {
		return "", "", err
	}
	if used := r.used(f, m); r.bad[used] {
		return Lost, "it would be made from " + filepath.Base(used) + ", which is not as it was; bring that back first. " + r.advice(), nil
	}
	i := slices.IndexFunc(m.Renditions, func(x store.Rendition) bool { return x.Height == f.Height && x.Language == f.Language })
	if i < 0 {
		return Queued, "is being made", nil
	}
	lost := r.losing(store.MediaRef{Video: f.Video, Rev: f.Rev})
	lost.Renditions = append(lost.Renditions, m.Renditions[i])
	return Queued, "from " + filepath.Base(best.Path), nil
}

// used returns the path of the file that the worker makes a rendition from.
func (r *repair) used(f archive.File, m store.Media) string {
	if lost := r.lost[store.MediaRef{Video: f.Video, Rev: f.Rev}]; lost != nil && lost.Source {
		m.SourceFile = ""
	}
	return path.Join(path.Dir(f.Path), r.Worker.SourceFile(m))
}

// compute makes what lies beside a rendition that is whole.
func (r *repair) compute(ctx context.Context, f archive.File) ([]byte, error) {
	film := f
	film.Path = besides(f.Path, ".mp4")
	switch f.What {
	case archive.Playlist:
		return playlistOf(r.root, f)
	case archive.Hashes:
		return hashesOf(ctx, r.root, film)
	}
	m, err := r.Store.MediaRev(ctx, f.Video, f.Rev)
	if err != nil {
		return nil, err
	}
	info, err := r.root.Lstat(film.Path)
	if err != nil {
		return nil, err
	}
	film.Bytes = info.Size()
	t, err := torrentOf(ctx, r.root, film, m.Duration)
	if err != nil {
		return nil, err
	}
	if t.InfoHash.String() != f.Infohash {
		return nil, errors.New("its rendition is not what was shared")
	}
	return t.Encode(nil, nil), nil
}

// hashesOf hashes the segments of a rendition.
func hashesOf(ctx context.Context, root *os.Root, film archive.File) ([]byte, error) {
	text, err := root.ReadFile(besides(film.Path, ".m3u8"))
	if err != nil {
		return nil, err
	}
	segments, err := playlist.Segments(text)
	if err != nil {
		return nil, err
	}
	var ranges []metainfo.Range
	for _, s := range segments {
		ranges = append(ranges, metainfo.Range{Offset: s.Offset, Size: s.Size})
	}
	in, err := root.Open(film.Path)
	if err != nil {
		return nil, err
	}
	defer in.Close()
	sums, name := metainfo.Segments{}, filepath.Base(film.Path)
	if err := sums.Add(ctx, name, in, ranges); err != nil {
		return nil, err
	}
	return json.Marshal(sums[name])
}

// fromBackup brings a file back from the backup, when that has the bytes that belong here.
func (r *repair) fromBackup(ctx context.Context, f archive.File) (bool, error) {
	old, ok := r.at[f.Path]
	if !ok || f.Path == "tubelet.db" || f.Infohash != "" && f.What != archive.Playlist && f.What != archive.Hashes && old.Infohash != f.Infohash {
		return false, nil
	}
	// These fit one encoding alone, and do not say which.
	if film := r.at[besides(f.Path, ".mp4")]; (f.What == archive.Playlist || f.What == archive.Hashes) && (f.Infohash == "" || film.Infohash != f.Infohash) {
		return false, nil
	}
	from, err := os.OpenRoot(r.backup.Folder)
	if err != nil {
		return false, err
	}
	defer from.Close()
	if proof.Check(ctx, from, old, func(int64) {}) != nil {
		return false, ctx.Err()
	}
	if r.DryRun {
		return true, nil
	}
	in, err := from.Open(f.Path)
	if err != nil {
		return false, err
	}
	defer in.Close()
	return true, r.place(ctx, f.Path, in)
}

// put writes a file into its place.
func (r *repair) put(ctx context.Context, path string, text []byte) error {
	if r.DryRun {
		return nil
	}
	return r.place(ctx, path, bytes.NewReader(text))
}

// place writes a file beside its place and renames it.
func (r *repair) place(ctx context.Context, path string, content io.Reader) error {
	l, err := disk.WaitLock(ctx, filepath.Join(r.Data, "place.lock"), 5*time.Millisecond)
	if err != nil {
		return err
	}
	defer l.Release()
	to := filepath.Join(r.Data, path)
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		return err
	}
	part := to + ".part"
	out, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer os.Remove(part)
	_, err = io.Copy(out, content)
	if err = errors.Join(err, out.Sync(), out.Close()); err != nil {
		return err
	}
	return disk.Move(part, to)
}
