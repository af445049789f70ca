package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// NewVideo is a video with the first revision of its media and the work to do for it.
type NewVideo struct {
	Video
	Jobs []Job
}

// Visible reports whether anybody with the address may watch v.
func (v Video) Visible() bool { return v.Visibility != Draft && !v.PublishedAt.IsZero() }

// Listed reports whether lists, feeds and the search may name v. The constant listed
// says the same in SQL.
func (v Video) Listed() bool { return v.Visibility == Public && !v.PublishedAt.IsZero() }

// check returns ErrInvalid for what is no visibility.
func (v Visibility) check() error {
	if v != Public && v != Unlisted && v != Draft {
		return fmt.Errorf("visibility %q: %w", v, ErrInvalid)
	}
	return nil
}

// checkP2P returns ErrInvalid for what is no word about sharing a video.
func checkP2P(word string) error {
	if !slices.Contains([]string{"", "on", "ask", "off"}, word) {
		return fmt.Errorf("p2p %q: %w", word, ErrInvalid)
	}
	return nil
}

// checkCommenting returns ErrInvalid for what is no word about commenting on a video.
func checkCommenting(word string) error {
	if !slices.Contains([]string{"", "open", "approve", "links", "closed"}, word) {
		return fmt.Errorf("comments %q: %w", word, ErrInvalid)
	}
	return nil
}

// checkWords checks what has a few words to choose from.
func checkWords(v Video) error {
	return cmp.Or(v.Visibility.check(), checkP2P(v.P2P), checkCommenting(v.Commenting))
}

// listed is what the index videos_listed holds.
const listed = "v.visibility = 'public' and v.published_at is not null"

// videoColumns is what scanVideo reads. While nothing is watchable, the facts of the newest
// revision stand for those of the one served.
const (
	videoColumns = `v.id, v.uuid, v.title, v.description, v.language, v.license, v.tags, v.visibility,
		v.downloads, v.p2p, v.commenting, v.warning, v.views, v.likes, v.dislikes, v.boosts, v.comments, v.publish_at, v.published_at, v.created_at, v.updated_at,
		(select at from pins where video = v.id), v.rev, ` + mediaColumns
	videoMedia = ` join media m on m.video = v.id and m.rev = iif(v.rev > 0, v.rev, (select max(rev) from media where video = v.id))`
)

func scanVideo(row lite.Scanner, v *Video) error {
	var tags string
	var rev int
	err := row.Scan(append([]any{&v.ID, &v.UUID, &v.Title, &v.Description, &v.Language, &v.License,
		&tags, &v.Visibility, &v.Downloads, &v.P2P, &v.Commenting, &v.Warning, &v.Views, &v.Likes, &v.Dislikes, &v.Boosts, &v.Comments, (*lite.Stamp)(&v.PublishAt),
		(*lite.Stamp)(&v.PublishedAt), (*lite.Stamp)(&v.CreatedAt), (*lite.Stamp)(&v.UpdatedAt), (*lite.Stamp)(&v.PinnedAt), &rev},
		mediaFields(&v.Media)...)...)
	v.Tags = splitTags(tags)
	v.Media.Rev = rev
	return err
}

// CreateVideo stores a video, the first revision of its media and its jobs, at once. The
// file of a known video is a *DuplicateError, an id in use is ErrExists.
func (s *Store) CreateVideo(ctx context.Context, v NewVideo) error {
	if !validID(v.ID) {
		return fmt.Errorf("create video %q: id: %w", v.ID, ErrInvalid)
	}
	if v.UUID == "" {
		v.UUID = newUUID()
	}
	if v.Visibility == "" {
		v.Visibility = Public
	}
	if v.Media.Rev == 0 {
		v.Media.Rev = 1
	}
	if err := checkWords(v.Video); err != nil {
		return fmt.Errorf("create video %s: %w", v.ID, err)
	}
	v.CreatedAt = orNow(v.CreatedAt)
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return insertVideo(ctx, tx, v) })
	if err != nil {
		return fmt.Errorf("create video %s: %w", v.ID, err)
	}
	return nil
}

func insertVideo(ctx context.Context, tx *sql.Tx, v NewVideo) error {
	if err := checkDuplicate(ctx, tx, v.ID, v.Media.SourceSHA256); err != nil {
		return err
	}
	tags := cleanTags(v.Tags)
	_, err := tx.ExecContext(ctx, `insert into videos (id, uuid, title, description, language, license, tags,
		visibility, downloads, p2p, commenting, warning, latest, publish_at, created_at, updated_at)
		values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		v.ID, v.UUID, v.Title, v.Description, v.Language, v.License, joinTags(tags), v.Visibility,
		v.Downloads, v.P2P, v.Commenting, v.Warning, v.Media.Rev, lite.Stamp(v.PublishAt), lite.Stamp(v.CreatedAt), lite.Stamp(v.CreatedAt))
	if lite.Taken(err) {
		return ErrExists
	}
	if err != nil {
		return err
	}
	if err := indexTags(ctx, tx, v.ID, tags); err != nil {
		return err
	}
	if err := setChapters(ctx, tx, v.ID, v.Chapters); err != nil {
		return err
	}
	for _, c := range v.Captions {
		if err := setCaption(ctx, tx, v.ID, c); err != nil {
			return err
		}
	}
	return addMedia(ctx, tx, v.ID, v.Media, v.Jobs)
}

// Video returns a video with everything that belongs to it, or ErrNotFound.
func (s *Store) Video(ctx context.Context, id string) (Video, error) {
	var list []Video
	err := s.db.Read(ctx, func(q lite.Querier) error {
		v, err := lite.One(ctx, q, scanVideo, "select "+videoColumns+" from videos v"+videoMedia+" where v.id = ?", id)
		if err != nil {
			return err
		}
		list = []Video{v}
		return complete(ctx, q, list)
	})
	if err != nil {
		return Video{}, fmt.Errorf("load video %s: %w", id, err)
	}
	return list[0], nil
}

// complete adds renditions, captions and chapters to videos.
func complete(ctx context.Context, q lite.Querier, list []Video) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]string, len(list)) // they need no escaping, see validID
	at := make(map[string]*Video, len(list))
	for i := range list {
		ids[i] = list[i].ID
		at[list[i].ID] = &list[i]
	}
	set := `["` + strings.Join(ids, `","`) + `"]`
	if err := addRenditions(ctx, q, set, at); err != nil {
		return err
	}
	if err := addCaptions(ctx, q, set, at); err != nil {
		return err
	}
	return addChapters(ctx, q, set, at)
}

// UpdateVideo stores what the creator says about a video: title, description, language,
// license, tags, visibility, downloads, p2p, commenting, warning, schedule and chapters. A moment in the future hides
// a published video until then.
func (s *Store) UpdateVideo(ctx context.Context, v Video) error {
	if err := checkWords(v); err != nil {
		return fmt.Errorf("update video %s: %w", v.ID, err)
	}
	err := s.db.Write(ctx, func(tx *sql.Tx) error { return updateVideo(ctx, tx, v) })
	if err != nil {
		return fmt.Errorf("update video %s: %w", v.ID, err)
	}
	return nil
}

func updateVideo(ctx context.Context, tx *sql.Tx, v Video) error {
	now := time.Now()
	tags := cleanTags(v.Tags)
	err := lite.Changed(ctx, tx, `update videos set title = ?, description = ?, language = ?, license = ?,
		tags = ?, visibility = ?, downloads = ?, p2p = ?, commenting = ?, warning = ?, publish_at = ?, updated_at = ? where id = ?`,
		v.Title, v.Description, v.Language, v.License, joinTags(tags), v.Visibility, v.Downloads, v.P2P, v.Commenting, v.Warning,
		lite.Stamp(v.PublishAt), lite.Stamp(now), v.ID)
	if err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, "delete from tags where number = (select number from videos where id = ?)", v.ID); err != nil {
		return err
	}
	if err := indexTags(ctx, tx, v.ID, tags); err != nil {
		return err
	}
	if err := setChapters(ctx, tx, v.ID, v.Chapters); err != nil {
		return err
	}
	_, err = settle(ctx, tx, v.ID, now)
	return err
}

// VideoEdit is a change of a video and of the files that belong to it.
type VideoEdit struct {
	Video  Video     // as UpdateVideo takes it
	Rev    int       // of the media that gets Poster
	Poster Poster    // no File leaves the one there is
	Add    []Caption // each replaces the one of its language
	Remove []string  // languages, whose captions must be there
}

// Poster is a picture in a revision's folder.
type Poster struct {
	File          string
	Thumb         string // the same, smaller; empty where File is small enough for lists
	Width, Height int    // of File
}

// EditVideo stores a change, all of it or nothing. It returns the files of the captions
// that went, which are the caller's to remove.
func (s *Store) EditVideo(ctx context.Context, e VideoEdit) (old []string, err error) {
	id := e.Video.ID
	if err := checkWords(e.Video); err != nil {
		return nil, fmt.Errorf("edit video %s: %w", id, err)
	}
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := updateVideo(ctx, tx, e.Video); err != nil {
			return err
		}
		if old, err = editCaptions(ctx, tx, id, e); err != nil || e.Poster.File == "" {
			return err
		}
		return lite.Changed(ctx, tx, "update media set "+setPoster+" where video = ? and rev = ?",
			e.Poster.File, e.Poster.Thumb, e.Poster.Width, e.Poster.Height, id, e.Rev)
	})
	if err != nil {
		return nil, fmt.Errorf("edit video %s: %w", id, err)
	}
	return old, nil
}

func editCaptions(ctx context.Context, tx *sql.Tx, id string, e VideoEdit) (old []string, err error) {
	for _, lang := range e.Remove {
		file, err := removeCaption(ctx, tx, id, lang)
		if err != nil {
			return nil, fmt.Errorf("captions %s: %w", lang, err)
		}
		old = append(old, file)
	}
	for _, c := range e.Add {
		file, err := captionFile(ctx, tx, id, c.Language)
		if err == nil {
			err = setCaption(ctx, tx, id, c)
		}
		if err != nil {
			return nil, fmt.Errorf("captions %s: %w", c.Language, err)
		}
		if file != "" && file != c.File {
			old = append(old, file)
		}
	}
	// A caption can be removed and come back the same.
	used := func(file string) bool {
		return slices.ContainsFunc(e.Add, func(c Caption) bool { return c.File == file })
	}
	return slices.DeleteFunc(old, used), nil
}

// DeleteVideo forgets a video and everything that belongs to it, running jobs too. Its
// folder is the caller's to remove, afterwards.
func (s *Store) DeleteVideo(ctx context.Context, id string) error {
	return s.change(ctx, "delete video "+id, "delete from videos where id = ?", id)
}

// MaxPins is how many videos may be pinned: as many as Mastodon lets its own people pin
// (PIN_LIMIT of its StatusPinValidator).
const MaxPins = 5

// Pin has a listed video shown first, here and in profiles elsewhere, until it is hidden. One
// that is pinned comes before the others again.
func (s *Store) Pin(ctx context.Context, id string, now time.Time) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := exists(ctx, tx, id); err != nil {
			return err
		}
		others, err := lite.One(ctx, tx, lite.Value[int], "select count(*) from (select 1 from pins where video <> ? limit ?)", id, MaxPins)
		if err != nil {
			return err
		}
		if others == MaxPins {
			return Errorf(ErrExists, "%d videos are pinned already", MaxPins)
		}
		err = lite.Changed(ctx, tx, `insert into pins (video, at) select v.id, ?2 from videos v where v.id = ?1 and `+listed+`
			on conflict (video) do update set at = excluded.at`, id, lite.Stamp(now))
		if errors.Is(err, ErrNotFound) {
			err = Errorf(ErrInvalid, "it is not public, and a pin is for everybody")
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("pin video %s: %w", id, err)
	}
	return nil
}

// Unpin has a video no longer shown first, or returns ErrNotFound when it was not.
func (s *Store) Unpin(ctx context.Context, id string) error {
	return s.change(ctx, "unpin video "+id, "delete from pins where video = ?", id)
}

// Pinned returns the pinned videos, the latest pinned first.
func (s *Store) Pinned(ctx context.Context) ([]Video, error) {
	var list []Video
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, scanVideo, "select "+videoColumns+" from pins p cross join videos v on v.id = p.video"+videoMedia+" order by p.at desc, p.video")
		if err != nil {
			return err
		}
		return complete(ctx, q, list)
	})
	if err != nil {
		return nil, fmt.Errorf("list pinned videos: %w", err)
	}
	return list, nil
}

// settle is the one place that decides since when a video is published. It is called after
// each change of what that depends on, for one video, or for all ("") as time passes. It
// returns the ids of those that became visible.
//
// A video is published once it is watchable, no draft, and its moment has come. It keeps
// the date through later edits, unless the creator gives it a new moment in the future.
func settle(ctx context.Context, tx *sql.Tx, id string, now time.Time) ([]string, error) {
	only := " and publish_at is not null"
	args := []any{lite.Stamp(now)}
	if id != "" {
		only = " and id = ?2"
		args = append(args, id)
		_, err := tx.ExecContext(ctx, "update videos set published_at = null where publish_at > ?1 and published_at is not null and id = ?2", args...)
		if err != nil {
			return nil, err
		}
	}
	return lite.All(ctx, tx, lite.Value[string], `update videos set published_at = ?1, updated_at = ?1
		where published_at is null and rev > 0 and visibility <> 'draft'
		and (publish_at is null or publish_at <= ?1)`+only+" returning id", args...)
}

// PublishDue publishes the scheduled videos whose moment has come and returns their ids.
func (s *Store) PublishDue(ctx context.Context, now time.Time) ([]string, error) {
	// Looking first spares the server's loop the write lock.
	next, err := s.NextPublish(ctx)
	if err != nil || next.IsZero() || next.After(now) {
		return nil, err
	}
	var ids []string
	err = s.db.Write(ctx, func(tx *sql.Tx) (err error) {
		ids, err = settle(ctx, tx, "", now)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("publish scheduled videos: %w", err)
	}
	return ids, nil
}

// NextPublish returns when the next scheduled video is due, the zero time when none is.
// One that is not watchable yet is not waited for: it is published as soon as it is.
func (s *Store) NextPublish(ctx context.Context) (time.Time, error) {
	var next time.Time
	err := s.db.Read(ctx, func(q lite.Querier) error {
		at, err := lite.One(ctx, q, lite.Value[lite.Stamp], `select min(publish_at) from videos where publish_at is not null
			and published_at is null and rev > 0 and visibility <> 'draft'`)
		next = time.Time(at)
		return err
	})
	if err != nil {
		return time.Time{}, fmt.Errorf("find next scheduled video: %w", err)
	}
	return next, nil
}

// AddViews adds to the view counts of videos, by id. Videos that are gone are passed over.
func (s *Store) AddViews(ctx context.Context, views map[string]int64) error {
	err := s.db.Write(ctx, func(tx *sql.Tx) error {
		for id, n := range views {
			if _, err := tx.ExecContext(ctx, "update videos set views = views + ? where id = ?", n, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("add views: %w", err)
	}
	return nil
}

// orNow returns t, or the time now when t is zero.
func orNow(t time.Time) time.Time {
	if t.IsZero() {
		return time.Now()
	}
	return t
}

// exists returns ErrNotFound unless there is a video id.
func exists(ctx context.Context, q lite.Querier, id string) error {
	_, err := lite.One(ctx, q, lite.Value[int], "select 1 from videos where id = ?", id)
	return err
}
