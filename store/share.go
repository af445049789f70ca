package store

import (
	"context"
	"database/sql"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// What lies beside a rendition that has an infohash, named after it, as SQL and in Go.
const (
	torrentFile = "replace(file, '.mp4', '.torrent')"
	hashesFile  = "replace(file, '.mp4', '.hashes.json')"
)

// TorrentFile returns the name of the rendition's torrent, empty until it exists.
func (r Rendition) TorrentFile() string { return r.beside(".torrent") }

// HashesFile returns the name of the file with the SHA-256 of each segment, which PeerTube's
// player wants, empty until it exists. It is made together with the torrent.
func (r Rendition) HashesFile() string { return r.beside(".hashes.json") }

func (r Rendition) beside(ext string) string {
	if r.Infohash == "" {
		return ""
	}
	return r.Name() + ext
}

// SetTorrent records that the torrent of a rendition lies beside it. A rendition that is not
// there is ErrNotFound.
func (s *Store) SetTorrent(ctx context.Context, ref MediaRef, r Rendition) error {
	return s.change(ctx, fmt.Sprintf("set the torrent of %s/%d/%s", ref.Video, ref.Rev, r.File),
		"update renditions set infohash = ?, pieces = ? where video = ? and rev = ? and height = ? and language = ?",
		r.Infohash, r.Pieces, ref.Video, ref.Rev, r.Height, r.Language)
}

// QueueTorrents adds a job of the given kind for each revision that is served and has a
// rendition without a torrent, unless it has such a job, open or given up.
func (s *Store) QueueTorrents(ctx context.Context, job Job) error {
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		refs, err := lite.All(ctx, tx, func(row lite.Scanner, r *MediaRef) error { return row.Scan(&r.Video, &r.Rev) },
			`select v.id, v.rev from videos v where exists (
				select 1 from renditions r where r.video = v.id and r.rev = v.rev and r.infohash = '')
			and not exists (select 1 from jobs j where j.video = v.id and j.rev = v.rev and j.kind = ? and j.state <> 'done')`, job.Kind)
		if err != nil {
			return err
		}
		var jobs []Job
		for _, r := range refs {
			job.Video, job.Rev = r.Video, r.Rev
			jobs = append(jobs, job)
		}
		return addJobs(ctx, tx, jobs)
	})
	if err != nil {
		return fmt.Errorf("queue torrents: %w", err)
	}
	return nil
}

// VideoOf returns the listed video that serves a rendition with the given infohash. What is
// hidden, or was replaced, is ErrNotFound.
func (s *Store) VideoOf(ctx context.Context, infohash string) (Video, error) {
	var id string
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		id, err = lite.One(ctx, q, lite.Value[string], `select v.id from renditions r join videos v on v.id = r.video and v.rev = r.rev
			where r.infohash = ? and r.infohash <> '' and `+listed+" limit 1", infohash)
		return err
	})
	if err != nil {
		return Video{}, fmt.Errorf("find the video of %s: %w", infohash, err)
	}
	return s.Video(ctx, id)
}

// SharesSome reports whether any video is shared whatever the setting p2p says.
func (s *Store) SharesSome(ctx context.Context) (bool, error) {
	var found []int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		found, err = lite.All(ctx, q, lite.Value[int], "select 1 from videos where p2p <> '' and p2p in ('on', 'ask') limit 1")
		return err
	})
	if err != nil {
		return false, fmt.Errorf("look for shared videos: %w", err)
	}
	return len(found) > 0, nil
}

// Infohashes returns the torrents of all listed videos, but of those that are not shared: the
// setting p2p is given.
func (s *Store) Infohashes(ctx context.Context, p2p string) ([]string, error) {
	var list []string
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, lite.Value[string], `select r.infohash from videos v join renditions r on r.video = v.id and r.rev = v.rev
			where r.infohash <> '' and iif(v.p2p = '', ?, v.p2p) <> 'off' and `+listed, p2p)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list torrents: %w", err)
	}
	return list, nil
}

// Traffic is bytes of media by the way they went.
type Traffic map[string]int64

// AddTraffic adds to the counts of the day of now.
func (s *Store) AddTraffic(ctx context.Context, now time.Time, t Traffic) error {
	// Nothing that visitors see depends on it.
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		for way, n := range t {
			_, err := tx.ExecContext(ctx, `insert into traffic (day, way, bytes) values (?1, ?2, ?3)
				on conflict (day, way) do update set bytes = bytes + ?3`, day(now), way, n)
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add traffic: %w", err)
	}
	return nil
}

// Traffic returns what went on the day of now, and in its month.
func (s *Store) Traffic(ctx context.Context, now time.Time) (today, month Traffic, err error) {
	today, month = Traffic{}, Traffic{}
	err = s.db.Read(ctx, func(q lite.Querier) error {
		_, err := lite.All(ctx, q, func(row lite.Scanner, _ *struct{}) error {
			var on, way string
			var n int64
			if err := row.Scan(&on, &way, &n); err != nil {
				return err
			}
			month[way] += n
			if on == day(now) {
				today[way] += n
			}
			return nil
		}, "select day, way, bytes from traffic where day between ? and ?", day(now)[:8]+"01", day(now)[:8]+"31")
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("load traffic: %w", err)
	}
	return today, month, nil
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// Figures is what a running server tells of itself.
type Figures struct {
	At   time.Time // when it was told, zero for never
	JSON []byte
}

// AskFigures makes a running server write its figures each second until the given moment. What
// a clock that was ahead has asked for does not stay.
func (s *Store) AskFigures(ctx context.Context, until time.Time) error {
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `insert into figures (id, until, at, told) values (1, ?1, 0, '{}')
			on conflict (id) do update set until = case when until < ?2 then max(until, ?1) else ?1 end`, lite.Stamp(until), lite.Stamp(until.Add(time.Minute)))
		return err
	})
	if err != nil {
		return fmt.Errorf("ask the server for its figures: %w", err)
	}
	return nil
}

// Figures returns what a server has told last.
func (s *Store) Figures(ctx context.Context) (Figures, error) {
	var list []Figures
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, func(row lite.Scanner, f *Figures) error {
			var at int64
			err := row.Scan(&at, &f.JSON)
			if at > 0 {
				f.At = time.UnixMilli(at)
			}
			return err
		}, "select at, told from figures where id = 1")
		return err
	})
	if err != nil {
		return Figures{}, fmt.Errorf("read the server's figures: %w", err)
	}
	if len(list) == 0 {
		return Figures{JSON: []byte("{}")}, nil
	}
	return list[0], nil
}

// FiguresAsked returns until when somebody wants figures, the zero time when nobody ever did.
func (s *Store) FiguresAsked(ctx context.Context) (time.Time, error) {
	var until []lite.Stamp
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		until, err = lite.All(ctx, q, lite.Value[lite.Stamp], "select until from figures where id = 1")
		return err
	})
	if err != nil || len(until) == 0 {
		return time.Time{}, err
	}
	return time.Time(until[0]), nil
}

// TellFigures stores what AskFigures returns.
func (s *Store) TellFigures(ctx context.Context, f Figures) error {
	err := s.db.WriteQuietly(ctx, func(tx *sql.Tx) error {
		return lite.Changed(ctx, tx, "update figures set at = ?, told = ? where id = 1", lite.Stamp(f.At), string(f.JSON))
	})
	if err != nil {
		return fmt.Errorf("tell figures: %w", err)
	}
	return nil
}

// Name is what people call the rendition, its file's name without the end: "720p", "audio".
func (r Rendition) Name() string { return strings.TrimSuffix(r.File, path.Ext(r.File)) }
