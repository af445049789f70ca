package work

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/server/work/disk"
	"github.com/tubelet/tubelet/store"
)

// ChannelEdit is what a creator wants of the channel.
type ChannelEdit struct {
	Channel store.Channel // as it is to be; an empty Avatar or Banner goes
	Avatar  string        // an image file to make a new one of, empty for none
	Banner  string
}

// EditChannel changes the channel, all of it or nothing.
func (w *Worker) EditChannel(ctx context.Context, e ChannelEdit) error {
	c, err := check.Channel(e.Channel)
	if err != nil {
		return err
	}
	g, err := w.openIngest(ctx, nil)
	if err != nil {
		return err
	}
	defer g.close()
	var made []string
	for _, p := range []struct {
		what, from string
		make       func(context.Context, string, string) (string, error)
		name       *string
	}{{"avatar", e.Avatar, w.media.Avatar, &c.Avatar}, {"banner", e.Banner, w.media.Banner, &c.Banner}} {
		if p.from == "" {
			continue
		}
		if *p.name, err = g.picture(ctx, p.what, p.from, p.make); err != nil {
			return err
		}
		made = append(made, *p.name)
	}
	return w.placing(ctx, func(ctx context.Context) error { return g.placeChannel(ctx, c, made) })
}

// picture makes one picture in g's folder.
func (g *ingest) picture(ctx context.Context, what, from string, make func(context.Context, string, string) (string, error)) (string, error) {
	path, err := check.Regular(from)
	if err != nil {
		return "", &InputError{What: what, Err: err}
	}
	file, err := make(ctx, path, g.dir)
	if errors.Is(err, media.ErrNoFFmpeg) {
		return "", &InputError{What: what, Err: fmt.Errorf("%w: install it (apt install ffmpeg)", media.ErrNoFFmpeg)}
	}
	if refused, ok := errors.AsType[*media.RefusedError](err); ok {
		return "", &InputError{What: what, Err: fmt.Errorf("%s: %s", from, refused.Reason)}
	}
	if err != nil {
		return "", err
	}
	return file, disk.Sync(filepath.Join(g.dir, file))
}

// placeChannel brings the pictures to their place, stores the row, and removes every picture
// that it does not name: those which were replaced, and those which a killed process left.
func (g *ingest) placeChannel(ctx context.Context, c store.Channel, made []string) error {
	dir := g.w.path("channel")
	if err := errors.Join(os.MkdirAll(dir, 0o700), disk.Sync(g.w.data)); err != nil {
		return err
	}
	for _, file := range made {
		if err := disk.Place(filepath.Join(g.dir, file), filepath.Join(dir, file)); err != nil {
			return err
		}
	}
	if err := g.w.record(ctx, func(ctx context.Context) error { return g.w.store.UpdateChannel(ctx, c) }); err != nil {
		return err
	}
	// The edit has succeeded: what stays is the next sweep's.
	old, err := g.w.orphanPictures(ctx)
	for _, o := range old {
		err = errors.Join(err, os.Remove(g.w.path(o.Path)))
	}
	if err != nil {
		g.w.log.Warn("old picture not removed", "err", err)
	}
	return nil
}
