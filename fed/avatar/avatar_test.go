package avatar

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

func picture(t testing.TB, width, height int, encode func(*bytes.Buffer, image.Image) error) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range m.Pix {
		m.Pix[i] = byte(i * 7)
	}
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(b *bytes.Buffer, m image.Image) error  { return png.Encode(b, m) }
func asJPEG(b *bytes.Buffer, m image.Image) error { return jpeg.Encode(b, m, nil) }
func asGIF(b *bytes.Buffer, m image.Image) error  { return gif.Encode(b, m, nil) }

// bomb is a PNG of a few bytes that says to be so large.
func bomb(width, height uint32) []byte {
	var b bytes.Buffer
	_ = png.Encode(&b, image.NewGray(image.Rect(0, 0, 1, 1)))
	text := b.Bytes()
	binary.BigEndian.PutUint32(text[16:], width)
	binary.BigEndian.PutUint32(text[20:], height)
	binary.BigEndian.PutUint32(text[29:], crc32.ChecksumIEEE(text[12:29]))
	return text
}

func TestRedraw(t *testing.T) {
	jpegFile := picture(t, 50, 200, asJPEG)
	for name, test := range map[string]struct {
		source []byte
		ok     bool
	}{
		"png":             {picture(t, 300, 200, asPNG), true},
		"jpeg":            {jpegFile, true},
		"gif":             {picture(t, 10, 10, asGIF), true},
		"one pixel":       {picture(t, 1, 1, asPNG), true},
		"flat":            {picture(t, 4000, 1, asPNG), true},
		"cut off":         {jpegFile[:len(jpegFile)/2], false},
		"enormous":        {bomb(50_000, 50_000), false},
		"many pixels":     {bomb(4000, 3000), false},
		"svg":             {[]byte(`<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>`), false},
		"html":            {[]byte("<script>"), false},
		"nothing":         {nil, false},
		"with a tail":     {append(picture(t, 20, 20, asPNG), "<script>alert(1)</script>"...), true},
		"too wide by one": {picture(t, maxSide+1, 1, asPNG), false},
	} {
		t.Run(name, func(t *testing.T) {
			copied, err := redraw(test.source)
			if (err == nil) != test.ok {
				t.Fatal(err)
			}
			if !test.ok {
				return
			}
			m, kind, err := image.Decode(bytes.NewReader(copied))
			if err != nil || kind != "jpeg" || m.Bounds() != image.Rect(0, 0, side, side) || bytes.Contains(copied, []byte("script")) {
				t.Errorf("a %s of %v, %v", kind, m.Bounds(), err)
			}
		})
	}
}

// What is transparent becomes white, not black.
func TestTransparent(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, image.NewRGBA(image.Rect(0, 0, 10, 10))); err != nil {
		t.Fatal(err)
	}
	copied, err := redraw(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	m, _, err := image.Decode(bytes.NewReader(copied))
	if err != nil {
		t.Fatal(err)
	}
	if gray := color.GrayModel.Convert(m.At(5, 5)).(color.Gray); gray.Y < 250 {
		t.Errorf("%v", gray)
	}
}

func TestFetch(t *testing.T) {
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Visibility: store.Public}}
	if err := s.CreateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	people := s.Social()
	actor := social.Actor{URI: "https://a.example/u", Host: "a.example", KeyID: "k", AvatarURL: "https://a.example/u.png", FetchedAt: time.Now()}
	if actor.ID, err = people.SaveActor(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	comment, _, err := people.AddComment(t.Context(), social.Comment{Video: v.ID, Actor: actor.ID, URI: "c", State: social.Shown, PublishedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "cache", "avatars")
	source := picture(t, 20, 20, asPNG)
	k := New(dir, people, func(_ context.Context, address string) ([]byte, error) {
		if address != actor.AvatarURL {
			return nil, errors.New(address)
		}
		return source, nil
	})
	if err := k.Fetch(t.Context(), actor); err != nil {
		t.Fatal(err)
	}
	got, err := people.Actor(t.Context(), actor.URI)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(dir, got.Avatar)); err != nil || got.Avatar == "" {
		t.Error(err)
	}
	if c, err := people.Comment(t.Context(), comment); err != nil || c.Avatar != "/avatars/"+got.Avatar {
		t.Errorf("%+v, %v", c, err)
	}
	source = []byte("<svg/>")
	if err := k.Fetch(t.Context(), actor); err == nil {
		t.Error("keeps an SVG")
	}
	if files, err := os.ReadDir(dir); err != nil || len(files) != 1 {
		t.Errorf("%v, %v", files, err)
	}
}

func FuzzRedraw(f *testing.F) {
	f.Add(picture(f, 5, 5, asPNG))
	f.Add(picture(f, 5, 5, asJPEG))
	f.Add(picture(f, 5, 5, asGIF))
	f.Fuzz(func(t *testing.T, source []byte) {
		if copied, err := redraw(source); err == nil && len(copied) > 64<<10 {
			t.Errorf("a copy of %d bytes", len(copied))
		}
	})
}
