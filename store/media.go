package store

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// MediaRef names one revision of a video's media.
type MediaRef struct {
	Video string
	Rev   int
}

// mediaColumns is what mediaFields takes, of the table media named m.
const mediaColumns = `m.rev, m.state, m.error, m.source_name, m.source_bytes, m.source_sha256, m.source_file,
	m.duration, m.width, m.height, m.fps, m.has_video, m.has_audio, m.poster, m.poster_width, m.poster_height,
	m.thumb, m.storyboard, m.storyboard_vtt, m.storyboard_columns, m.storyboard_rows, m.storyboard_width,
	m.storyboard_height, m.storyboard_interval`

func mediaFields(m *Media) []any {
	return []any{&m.Rev, &m.State, &m.Error, &m.SourceName, &m.SourceBytes, &m.SourceSHA256, &m.SourceFile,
		(*lite.Span)(&m.Duration), &m.Width, &m.Height, &m.FPS, &m.HasVideo, &m.HasAudio, &m.Poster, &m.PosterWidth,
		&m.PosterHeight, &m.Thumb, &m.Storyboard.File, &m.Storyboard.VTT, &m.Storyboard.Columns, &m.Storyboard.Rows,
		&m.Storyboard.Width, &m.Storyboard.Height, (*lite.Span)(&m.Storyboard.Interval)}
}

// MediaRev returns one revision of a video's media, served or not, with its renditions.
func (s *Store) MediaRev(ctx context.Context, id string, rev int) (Media, error) {
	var m Media
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		m, err = lite.One(ctx, q, func(row lite.Scanner, m *Media) error { return row.Scan(mediaFields(m)...) },
			"select "+mediaColumns+" from media m where m.video = ? and m.rev = ?", id, rev)
		if err != nil {
			return err
		}
		m.Renditions, err = lite.All(ctx, q, func(row lite.Scanner, r *Rendition) error { return row.Scan(renditionFields(r)...) },
			"select "+renditionColumns+" from renditions r where r.video = ? and r.rev = ? order by r.height desc, r.language", id, rev)
		return err
	})
	if err != nil {
		return Media{}, fmt.Errorf("load media %s/%d: %w", id, rev, err)
	}
	return m, nil
}

// LargestSource returns how many bytes the largest file has that was ever published and is
// still here.
func (s *Store) LargestSource(ctx context.Context) (int64, error) {
	var bytes int64
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		bytes, err = lite.One(ctx, q, lite.Value[int64], "select coalesce(max(source_bytes), 0) from media")
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find the largest source: %w", err)
	}
	return bytes, nil
}

// NextRev returns the number for a further revision of a video's media. A number is never
// given again, so that no address ever means two files.
func (s *Store) NextRev(ctx context.Context, id string) (int, error) {
	var rev int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		rev, err = lite.One(ctx, q, lite.Value[int], "select latest + 1 from videos where id = ?", id)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("number media of %s: %w", id, err)
	}
	return rev, nil
}

// NewestRev returns the number of a video's newest revision, be it watchable or not.
func (s *Store) NewestRev(ctx context.Context, id string) (int, error) {
	var rev int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		rev, err = lite.One(ctx, q, lite.Value[int], "select rev from media where video = ? order by rev desc limit 1", id)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("find the newest media of %s: %w", id, err)
	}
	return rev, nil
}

// CreateMedia adds a further revision of a video's media, and its jobs. The one served now
// stays so until the new one is watchable. A number that is not above all others is
// ErrExists, the file of a known video a *DuplicateError.
func (s *Store) CreateMedia(ctx context.Context, id string, m Media, jobs []Job) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := exists(ctx, tx, id); err != nil {
			return err
		}
		if err := checkDuplicate(ctx, tx, id, m.SourceSHA256); err != nil {
			return err
		}
		err := lite.Changed(ctx, tx, "update videos set latest = ?1 where id = ?2 and latest < ?1", m.Rev, id)
		if err == ErrNotFound {
			return ErrExists
		}
		if err != nil {
			return err
		}
		return addMedia(ctx, tx, id, m, jobs)
	})
	if err != nil {
		return fmt.Errorf("create media %s/%d: %w", id, m.Rev, err)
	}
	return nil
}

// addMedia inserts a revision with what is already made of it, and its jobs.
func addMedia(ctx context.Context, tx *sql.Tx, id string, m Media, jobs []Job) error {
	done := m.State == Done
	if m.State != Failed {
		m.State = Processing // what the renditions say decides, in recordRenditions
	}
	b := m.Storyboard
	_, err := tx.ExecContext(ctx, `insert into media (video, rev, state, error, source_name, source_bytes,
		source_sha256, source_file, duration, width, height, fps, has_video, has_audio, poster, poster_width,
		poster_height, thumb, storyboard, storyboard_vtt, storyboard_columns, storyboard_rows, storyboard_width,
		storyboard_height, storyboard_interval, created_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		id, m.Rev, m.State, m.Error, m.SourceName, m.SourceBytes, m.SourceSHA256, m.SourceFile,
		lite.Span(m.Duration), m.Width, m.Height, m.FPS, m.HasVideo, m.HasAudio, m.Poster, m.PosterWidth,
		m.PosterHeight, m.Thumb, b.File, b.VTT, b.Columns, b.Rows, b.Width, b.Height, lite.Span(b.Interval), lite.Stamp(time.Now()))
	if err != nil {
		return err
	}
	if len(m.Renditions) > 0 {
		if err := recordRenditions(ctx, tx, id, m.Rev, m.Renditions, done); err != nil {
			return err
		}
	}
	return addJobs(ctx, tx, jobs)
}

// HasSourceBytes reports whether the source of any video has n bytes. When none has, no
// checksum needs to be known to say that a file is new.
func (s *Store) HasSourceBytes(ctx context.Context, n int64) (bool, error) {
	var found []int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		found, err = lite.All(ctx, q, lite.Value[int], "select 1 from media where source_bytes = ? limit 1", n)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for a source of %d bytes: %w", n, err)
	}
	return len(found) > 0, nil
}

// CheckDuplicate returns a *DuplicateError when a file with this checksum is published already
// and may not become the source of the video id, which is "" for a new one.
func (s *Store) CheckDuplicate(ctx context.Context, id, sum string) error {
	err := s.db.Read(ctx, func(q lite.Querier) error { return checkDuplicate(ctx, q, id, sum) })
	if err != nil {
		return fmt.Errorf("look for the source %s: %w", sum, err)
	}
	return nil
}

// checkDuplicate is CheckDuplicate within a transaction. A source that was replaced does not
// count: its file may be published again. Nor does one on which work failed before anything
// played, and a video on whose file it failed later may have that file again.
func checkDuplicate(ctx context.Context, q lite.Querier, id, sum string) error {
	known, err := lite.All(ctx, q, lite.Value[string], `select v.id from media m join videos v on v.id = m.video
		where m.source_sha256 = ? and m.source_sha256 <> '' and m.rev >= v.rev
		and not (m.state = 'failed' and (v.id = ? or not exists (
			select 1 from renditions r where r.video = m.video and r.rev = m.rev)))
		limit 1`, sum, id)
	if err == nil && len(known) > 0 {
		err = &DuplicateError{ID: known[0]}
	}
	return err
}

// SetPoster records the poster, one or two files in the revision's folder.
func (s *Store) SetPoster(ctx context.Context, id string, rev int, p Poster) error {
	return s.changeMedia(ctx, id, rev, "set the poster", setPoster, p.File, p.Thumb, p.Width, p.Height)
}

const setPoster = "poster = ?, thumb = ?, poster_width = ?, poster_height = ?"

// SetStoryboard records the storyboard, two files in the revision's folder.
func (s *Store) SetStoryboard(ctx context.Context, id string, rev int, b Storyboard) error {
	return s.changeMedia(ctx, id, rev, "set the storyboard", `storyboard = ?, storyboard_vtt = ?,
		storyboard_columns = ?, storyboard_rows = ?, storyboard_width = ?, storyboard_height = ?, storyboard_interval = ?`,
		b.File, b.VTT, b.Columns, b.Rows, b.Width, b.Height, lite.Span(b.Interval))
}

// ForgetSource records that the original is no longer kept.
func (s *Store) ForgetSource(ctx context.Context, id string, rev int) error {
	return s.changeMedia(ctx, id, rev, "forget the source", "source_file = ''")
}

// changeMedia sets columns of one revision, and the time of change of its video when that
// is the revision served.
func (s *Store) changeMedia(ctx context.Context, id string, rev int, what, set string, args ...any) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return changeMedia(ctx, tx, id, rev, set, args...) })
	if err != nil {
		return fmt.Errorf("%s of media %s/%d: %w", what, id, rev, err)
	}
	return nil
}

func changeMedia(ctx context.Context, tx *sql.Tx, id string, rev int, set string, args ...any) error {
	err := lite.Changed(ctx, tx, "update media set "+set+" where video = ? and rev = ?", append(args, id, rev)...)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "update videos set updated_at = ? where id = ? and rev = ?", lite.Stamp(time.Now()), id, rev)
	return err
}

// ObsoleteMedia returns the revisions that a newer one has replaced and whose files are to
// be removed, then forgotten with ForgetMedia.
func (s *Store) ObsoleteMedia(ctx context.Context) ([]MediaRef, error) {
	var list []MediaRef
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, func(row lite.Scanner, r *MediaRef) error { return row.Scan(&r.Video, &r.Rev) },
			"select m.video, m.rev from media m join videos v on v.id = m.video where m.rev < v.rev")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find replaced media: %w", err)
	}
	return list, nil
}

// ForgetMedia drops the row of an obsolete revision. Any other is ErrNotFound.
func (s *Store) ForgetMedia(ctx context.Context, ref MediaRef) error {
	return s.change(ctx, fmt.Sprintf("forget media %s/%d", ref.Video, ref.Rev),
		"delete from media where video = ?1 and rev = ?2 and rev < (select rev from videos where id = ?1)", ref.Video, ref.Rev)
}

// Files returns every file that a row names, relative to the folder videos/. What is in
// that folder and not in here belongs to nothing.
func (s *Store) Files(ctx context.Context) ([]string, error) {
	var files []string
	err := s.db.Read(ctx, func(q lite.Querier) error {
		scan := func(row lite.Scanner, path *string) error {
			var id, file string
			var rev int
			if err := row.Scan(&id, &rev, &file); err != nil {
				return err
			}
			folder := "captions"
			if rev > 0 {
				folder = strconv.Itoa(rev)
			}
			*path = id + "/" + folder + "/" + file
			return nil
		}
		var err error
		files, err = lite.All(ctx, q, scan, `select video, rev, file from (
			select video, rev, file from renditions
			union all select video, rev, playlist from renditions
			union all select video, rev, `+torrentFile+` from renditions where infohash <> ''
			union all select video, rev, `+hashesFile+` from renditions where infohash <> ''
			union all select video, rev, poster from media
			union all select video, rev, thumb from media
			union all select video, rev, storyboard from media
			union all select video, rev, storyboard_vtt from media
			union all select video, rev, source_file from media
			union all select video, 0, file from captions) where file <> ''`)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return files, nil
}

// SetFacts records what a source is, where nobody could look inside when it was stored.
func (s *Store) SetFacts(ctx context.Context, id string, rev int, m Media) error {
	return s.changeMedia(ctx, id, rev, "describe", "duration = ?, width = ?, height = ?, fps = ?, has_video = ?, has_audio = ?",
		lite.Span(m.Duration), m.Width, m.Height, m.FPS, m.HasVideo, m.HasAudio)
}
