// Package export writes a channel as plain files, for who wants to leave, or to look at it
// with other programs: a folder for each video with the original or the best rendition,
// captions, picture, description and everything else that is known as JSON, the list of
// followers, and what the creator likes and boosts. Nothing in it needs Tubelet to be read.
//
//	DIR/channel.json description.md followers.csv deeds.json avatar-*.jpg banner-*.jpg
//	DIR/videos/2026-12-31-a-talk-k3v9x2m1qa/video.json description.md comments.json
//	    talk.mp4 en.vtt poster.jpg
//
// Files are copies, so that changing one does not change the channel.
package export

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// Config says what to export, and where to.
type Config struct {
	Data   string
	Store  *store.Store
	Dir    string // missing, or empty
	Report func(stage string, percent float64)
}

// Result is what was exported.
type Result struct {
	Videos    int
	Followers int
	Bytes     int64 // of films
	Missing   []string
	Took      time.Duration
}

// export is one export being made.
type export struct {
	Config
	channel store.Channel
	total   int64
	result  Result
}

// Make exports a channel. A folder that is not empty is store.ErrExists. What fails leaves
// what was written so far, and no file half.
func Make(ctx context.Context, cfg Config) (Result, error) {
	began := time.Now()
	e := &export{Config: cfg}
	if e.Report == nil {
		e.Report = func(string, float64) {}
	}
	if err := e.run(ctx); err != nil {
		return Result{}, fmt.Errorf("export to %s: %w", cfg.Dir, err)
	}
	e.result.Took = time.Since(began)
	return e.result, nil
}

func (e *export) run(ctx context.Context) (err error) {
	if inside, err := vault.Inside(e.Dir, e.Data); err != nil {
		return err
	} else if inside {
		return store.Errorf(store.ErrInvalid, "it lies in the data directory: choose a folder elsewhere")
	}
	if entries, err := os.ReadDir(e.Dir); err == nil && len(entries) > 0 {
		return store.Errorf(store.ErrExists, "it is not empty")
	} else if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if e.channel, err = e.Store.Channel(ctx); err != nil {
		return err
	}
	videos, _, err := e.Store.Videos(ctx, store.List{Audience: store.Everyone, Sort: "created"})
	if err != nil {
		return err
	}
	for _, v := range videos {
		_, size := film(v)
		e.total += size
	}
	if err := e.room(); err != nil {
		return err
	}
	if err := e.writeChannel(ctx); err != nil {
		return err
	}
	for _, v := range videos {
		if v, err = e.Store.Video(ctx, v.ID); errors.Is(err, store.ErrNotFound) {
			continue // removed meanwhile
		} else if err != nil {
			return err
		}
		if err := e.video(ctx, v); err != nil {
			return fmt.Errorf("%s: %w", v.ID, err)
		}
		e.result.Videos++
	}
	return disk.SyncTree(e.Dir)
}

// room makes the folder and looks whether the films have room there.
func (e *export) room() error {
	if err := os.MkdirAll(filepath.Join(e.Dir, "videos"), 0o700); err != nil {
		return err
	}
	need := e.total + disk.BallastSize
	if free, err := disk.Free(e.Dir); err != nil || free < need {
		return errors.Join(err, &vault.SpaceError{Dir: e.Dir, Needed: need, Free: free})
	}
	return nil
}

// film returns the file that is worth keeping of a video: the original, else the rendition
// that was copied from it, else the highest; and its size.
func film(v store.Video) (name string, size int64) {
	if v.Media.SourceFile != "" {
		return v.Media.SourceFile, v.Media.SourceBytes
	}
	for _, r := range v.Media.Renditions {
		if r.Language == "" && (name == "" || r.Copied) {
			name, size = r.File, r.Bytes
		}
		if r.Copied {
			break
		}
	}
	return name, size
}

func (e *export) writeChannel(ctx context.Context) error {
	c := e.channel
	err := e.json("channel.json", map[string]any{
		"address": "@" + c.Handle + "@" + c.Domain, "url": c.Base() + "/", "name": c.Name, "language": c.Language,
		"links": c.Links, "created_at": c.CreatedAt,
	})
	if err == nil {
		err = e.write("description.md", c.Description)
	}
	if err == nil {
		err = e.followers(ctx)
	}
	if err == nil {
		err = e.deeds(ctx)
	}
	for _, name := range []string{c.Avatar, c.Banner} {
		if err == nil && name != "" {
			err = e.copy(ctx, filepath.Join("channel", name), name)
		}
	}
	return err
}

// followers writes who follows, in a form that other programs import too: the first column
// is called what Mastodon calls it.
func (e *export) followers(ctx context.Context) error {
	var b strings.Builder
	out := csv.NewWriter(&b)
	out.Write([]string{"Account address", "Follows", "Profile", "Since"})
	for _, target := range []social.Target{social.Person, social.Group} {
		const page = 500
		for offset := 0; ; offset += page {
			list, _, err := e.Store.Social().Followers(ctx, target, offset, page)
			if err != nil {
				return err
			}
			for _, f := range list {
				out.Write([]string{strings.TrimPrefix(f.Acct, "@"), string(target), f.URL, f.AcceptedAt.UTC().Format(time.RFC3339)})
				e.result.Followers++
			}
			if len(list) < page {
				break
			}
		}
	}
	out.Flush()
	return errors.Join(out.Error(), e.write("followers.csv", b.String()))
}

func (e *export) video(ctx context.Context, v store.Video) error {
	folder := filepath.Join("videos", folderName(v))
	if err := os.MkdirAll(filepath.Join(e.Dir, folder), 0o700); err != nil {
		return err
	}
	newest := v.Media.Rev
	if newest == 0 { // nothing is watchable yet, but its original is there
		var err error
		if newest, err = e.Store.NewestRev(ctx, v.ID); err != nil {
			return err
		}
	}
	from := filepath.Join("videos", v.ID)
	rev := filepath.Join(from, strconv.Itoa(newest))
	about := describe(e.channel, v)
	if name, size := film(v); name != "" {
		about.File = fileName(v, name)
		if err := e.copy(ctx, filepath.Join(rev, name), filepath.Join(folder, about.File)); err != nil {
			return err
		}
		e.result.Bytes += size
	}
	if v.Media.Poster != "" {
		about.Poster = "poster" + filepath.Ext(v.Media.Poster)
		if err := e.copy(ctx, filepath.Join(rev, v.Media.Poster), filepath.Join(folder, about.Poster)); err != nil {
			return err
		}
	}
	for _, c := range v.Captions {
		name := c.Language + ".vtt"
		about.Captions = append(about.Captions, caption{c.Language, c.Label, name})
		if err := e.copy(ctx, filepath.Join(from, "captions", c.File), filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	comments, err := e.comments(ctx, v)
	if err == nil {
		err = e.json(filepath.Join(folder, "comments.json"), comments)
	}
	if err == nil {
		err = e.write(filepath.Join(folder, "description.md"), v.Description)
	}
	if err == nil {
		err = e.json(filepath.Join(folder, "video.json"), about)
	}
	return err
}

// copy copies a file of the data directory. One that is missing is told at the end.
func (e *export) copy(ctx context.Context, from, to string) error {
	err := vault.CopyFile(ctx, filepath.Join(e.Data, from), filepath.Join(e.Dir, to), func(n int64) {})
	if errors.Is(err, fs.ErrNotExist) {
		e.result.Missing = append(e.result.Missing, from)
		err = nil
	}
	e.Report("copying", 100*float64(e.result.Bytes)/float64(max(1, e.total)))
	if err != nil && disk.Full(e.Dir, err) {
		err = &vault.SpaceError{Dir: e.Dir}
	}
	return err
}

func (e *export) json(name string, value any) error {
	text, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return e.write(name, string(text)+"\n")
}

func (e *export) write(name, text string) error {
	return disk.WriteFile(filepath.Join(e.Dir, name), []byte(text))
}
