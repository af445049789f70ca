// Package avatar keeps small copies of the pictures of people from elsewhere, so that no
// visitor's browser ever asks their servers. What comes is decoded and drawn anew: no byte
// of a stranger's file is passed on.
package avatar

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	_ "image/gif" // decoders that Decode finds
	"image/jpeg"
	_ "image/png"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/image/draw"
	_ "golang.org/x/image/webp"

	"github.com/tubelet/tubelet/store/social"
)

const (
	side      = 96      // pixels of a copy
	maxSide   = 4096    // of an original: what is larger is not decoded
	maxPixels = 4 << 20 // of an original: a progressive JPEG takes some 16 bytes for each
	quality   = 85
)

// Keeper keeps avatars.
type Keeper struct {
	dir   string
	fetch func(ctx context.Context, address string) ([]byte, error)
	store *social.Store
	turn  chan struct{} // decoding takes memory: one at a time
}

// New returns a keeper whose copies are in dir. fetch gets a picture: remote.Client.Picture.
func New(dir string, store *social.Store, fetch func(context.Context, string) ([]byte, error)) *Keeper {
	return &Keeper{dir: dir, fetch: fetch, store: store, turn: make(chan struct{}, 1)}
}

// Fetch makes the copy of an actor's avatar, and has comments show it.
func (k *Keeper) Fetch(ctx context.Context, actor social.Actor) error {
	source, err := k.fetch(ctx, actor.AvatarURL)
	if err != nil {
		return err
	}
	select {
	case k.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-k.turn }()
	copied, err := redraw(source)
	if err != nil {
		return fmt.Errorf("copy the avatar of %s: %w", actor.URI, err)
	}
	sum := sha256.Sum256(copied)
	name := hex.EncodeToString(sum[:16]) + ".jpg"
	if err := k.write(name, copied); err != nil {
		return fmt.Errorf("keep the avatar of %s: %w", actor.URI, err)
	}
	return k.store.SetAvatar(ctx, actor.ID, actor.AvatarURL, name)
}

// write puts a file in its place whole. What is in the cache may be lost: no sync.
func (k *Keeper) write(name string, content []byte) error {
	if err := os.MkdirAll(k.dir, 0o700); err != nil {
		return err
	}
	file, err := os.CreateTemp(k.dir, "new-*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), filepath.Join(k.dir, name))
	}
	if err != nil {
		_ = os.Remove(file.Name()) // half a file is of no use
	}
	return err
}

// Sweep removes the copies that are nobody's picture any more, unless they are younger than
// an hour: their row may be about to come.
func (k *Keeper) Sweep(ctx context.Context) error {
	names, err := k.store.Avatars(ctx)
	if err != nil {
		return err
	}
	files, err := os.ReadDir(k.dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list avatars: %w", err)
	}
	used := make(map[string]bool, len(names))
	for _, name := range names {
		used[name] = true
	}
	for _, file := range files {
		info, err := file.Info()
		if err != nil || used[file.Name()] || !info.Mode().IsRegular() || time.Since(info.ModTime()) < time.Hour {
			continue // what is gone already is no error
		}
		if err := os.Remove(filepath.Join(k.dir, file.Name())); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("remove an avatar: %w", err)
		}
	}
	return nil
}

// redraw decodes a picture of a sane size and draws the middle square of it small.
func redraw(source []byte) ([]byte, error) {
	about, _, err := image.DecodeConfig(bytes.NewReader(source))
	if err != nil {
		return nil, err
	}
	if about.Width < 1 || about.Height < 1 || about.Width > maxSide || about.Height > maxSide || about.Width*about.Height > maxPixels {
		return nil, fmt.Errorf("%d x %d pixels", about.Width, about.Height)
	}
	picture, _, err := image.Decode(bytes.NewReader(source))
	if err != nil {
		return nil, err
	}
	bounds := picture.Bounds()
	edge := min(bounds.Dx(), bounds.Dy())
	if edge < 1 {
		return nil, errors.New("no pixels")
	}
	corner := bounds.Min.Add(image.Pt((bounds.Dx()-edge)/2, (bounds.Dy()-edge)/2))
	small := image.NewRGBA(image.Rect(0, 0, side, side))
	draw.Draw(small, small.Bounds(), image.White, image.Point{}, draw.Src) // JPEG knows no transparency
	draw.ApproxBiLinear.Scale(small, small.Bounds(), picture, image.Rectangle{Min: corner, Max: corner.Add(image.Pt(edge, edge))}, draw.Over, nil)
	var b bytes.Buffer
	if err := jpeg.Encode(&b, small, &jpeg.Options{Quality: quality}); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
