package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/tubelet/tubelet/store/lite"
)

// AddCaption stores a caption and returns the file of the one it replaces, which has the
// same language, or "". That file is the caller's to remove, when it is another.
func (s *Store) AddCaption(ctx context.Context, id string, c Caption) (old string, err error) {
	err = s.db.Write(ctx, func(tx *sql.Tx) error {
		if err := touch(ctx, tx, id); err != nil {
			return err
		}
		if old, err = captionFile(ctx, tx, id, c.Language); err != nil {
			return err
		}
		return setCaption(ctx, tx, id, c)
	})
	if err != nil {
		return "", fmt.Errorf("add %s caption to %s: %w", c.Language, id, err)
	}
	return old, nil
}

// removeCaption forgets a caption and returns its file.
func removeCaption(ctx context.Context, tx *sql.Tx, id, lang string) (file string, err error) {
	if file, err = captionFile(ctx, tx, id, lang); err != nil {
		return "", err
	}
	return file, lite.Changed(ctx, tx, "delete from captions where video = ? and language = ?", id, lang)
}

func setCaption(ctx context.Context, tx *sql.Tx, id string, c Caption) error {
	_, err := tx.ExecContext(ctx, "insert or replace into captions (video, language, label, file) values (?, ?, ?, ?)",
		id, c.Language, c.Label, c.File)
	return err
}

// captionFile returns the file of a caption, "" when there is none.
func captionFile(ctx context.Context, q lite.Querier, id, lang string) (string, error) {
	files, err := lite.All(ctx, q, lite.Value[string], "select file from captions where video = ? and language = ?", id, lang)
	if err != nil || len(files) == 0 {
		return "", err
	}
	return files[0], nil
}

// touch sets the time of change of a video, and returns ErrNotFound when there is none.
func touch(ctx context.Context, tx *sql.Tx, id string) error {
	return lite.Changed(ctx, tx, "update videos set updated_at = ? where id = ?", lite.Stamp(time.Now()), id)
}

// addCaptions gives videos their captions, by language.
func addCaptions(ctx context.Context, q lite.Querier, ids string, at map[string]*Video) error {
	_, err := lite.All(ctx, q, func(row lite.Scanner, _ *struct{}) error {
		var id string
		var c Caption
		if err := row.Scan(&id, &c.Language, &c.Label, &c.File); err != nil {
			return err
		}
		at[id].Captions = append(at[id].Captions, c)
		return nil
	}, `select c.video, c.language, c.label, c.file from json_each(?) j
		join captions c on c.video = j.value order by c.language`, ids)
	return err
}

// addChapters gives videos their chapters, in order.
func addChapters(ctx context.Context, q lite.Querier, ids string, at map[string]*Video) error {
	_, err := lite.All(ctx, q, func(row lite.Scanner, _ *struct{}) error {
		var id string
		var c Chapter
		if err := row.Scan(&id, (*lite.Span)(&c.Start), &c.Title); err != nil {
			return err
		}
		at[id].Chapters = append(at[id].Chapters, c)
		return nil
	}, `select c.video, c.start, c.title from json_each(?) j
		join chapters c on c.video = j.value order by c.start`, ids)
	return err
}

// setChapters replaces the chapters of a video. Of two at the same moment the last stays.
func setChapters(ctx context.Context, tx *sql.Tx, id string, list []Chapter) error {
	if _, err := tx.ExecContext(ctx, "delete from chapters where video = ?", id); err != nil {
		return err
	}
	for _, c := range list {
		_, err := tx.ExecContext(ctx, "insert or replace into chapters (video, start, title) values (?, ?, ?)",
			id, lite.Span(c.Start), c.Title)
		if err != nil {
			return err
		}
	}
	return nil
}
