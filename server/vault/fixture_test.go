package vault_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// channel is a data directory with a channel in it.
type channel struct {
	t     *testing.T
	data  string
	store *store.Store
}

func newChannel(t *testing.T) *channel {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	_, err := setup.Create(t.Context(), setup.Config{Data: data, Domain: "video.example", Handle: "workshop", Name: "The Small Workshop"})
	if err != nil {
		t.Fatal(err)
	}
	return openChannel(t, data)
}

func openChannel(t *testing.T, data string) *channel {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &channel{t, data, s}
}

// follow lets somebody follow the channel.
func (c *channel) follow(name string) {
	c.t.Helper()
	people := c.store.Social()
	id, err := people.SaveActor(c.t.Context(), social.Actor{URI: "https://a.example/" + name, Acct: "@" + name + "@a.example", Host: "a.example",
		KeyID: name, Inbox: "https://a.example/" + name + "/inbox", SharedInbox: "https://a.example/inbox", FetchedAt: time.Now()})
	if err == nil {
		_, err = people.Follow(c.t.Context(), social.Person, id, name, true, time.Now())
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

// add publishes a video of one rendition with everything that belongs to it. The bytes of
// the rendition are noise: nobody here plays it.
func (c *channel) add(title string, size int64) store.Video {
	c.t.Helper()
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: title, Visibility: store.Public}}
	r, files, err := rendition(c.t.Context(), []byte(title), size)
	if err != nil {
		c.t.Fatal(err)
	}
	poster := []byte("poster of " + title)
	files[named("poster", ".jpg", poster)] = poster
	v.Media = store.Media{Rev: 1, State: store.Done, Duration: time.Minute, Poster: named("poster", ".jpg", poster), Renditions: []store.Rendition{r}}
	caption := []byte("WEBVTT\n\n00:00.000 --> 00:01.000\n" + title + "\n")
	v.Captions = []store.Caption{{Language: "en", Label: "English", File: named("en", ".vtt", caption)}}
	for name, text := range files {
		c.write(filepath.Join("videos", v.ID, "1", name), text)
	}
	c.write(filepath.Join("videos", v.ID, "captions", named("en", ".vtt", caption)), caption)
	if err := c.store.CreateVideo(c.t.Context(), v); err != nil {
		c.t.Fatal(err)
	}
	got, err := c.store.Video(c.t.Context(), v.ID)
	if err != nil {
		c.t.Fatal(err)
	}
	return got
}

func (c *channel) write(path string, text []byte) {
	c.t.Helper()
	path = filepath.Join(c.data, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, text, 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// named returns a name with eight digits of the content's checksum.
func named(stem, ext string, text []byte) string {
	sum := sha256.Sum256(text)
	return stem + "-" + hex.EncodeToString(sum[:4]) + ext
}

// rendition makes a file of some bytes, and what lies beside it.
func rendition(ctx context.Context, seed []byte, size int64) (store.Rendition, map[string][]byte, error) {
	film := bytes.Repeat(seed, int(size)/len(seed)+1)[:size]
	t, err := metainfo.Build(ctx, bytes.NewReader(film), size, time.Minute, "360p", ".mp4")
	if err != nil {
		return store.Rendition{}, nil, err
	}
	r := store.Rendition{Height: 360, File: "360p.mp4", Playlist: "360p.m3u8", Bytes: size, Infohash: t.InfoHash.String(), Pieces: t.PieceLength, Copied: true}
	return r, map[string][]byte{
		"360p.mp4": film, "360p.m3u8": []byte("#EXTM3U\n"), "360p.torrent": t.Encode(nil, nil), "360p.hashes.json": []byte("{}"),
	}, nil
}

func (c *channel) backup(dir string, change func(*vault.Config)) vault.Result {
	c.t.Helper()
	cfg := vault.Config{Data: c.data, Store: c.store, Dir: dir}
	if change != nil {
		change(&cfg)
	}
	r, err := vault.Make(c.t.Context(), cfg)
	if err != nil {
		c.t.Fatalf("backup: %v", err)
	}
	return r
}

// whole asks that a backup has no problem.
func whole(t *testing.T, dir string) {
	t.Helper()
	v, err := vault.Verify(t.Context(), dir, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range v.Problems {
		t.Errorf("%s: %s: %v", v.Backup.Folder, p.Path, p.Err)
	}
}

// backups lists the names in a folder of backups.
func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	list := []string{}
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// facts is everything of a channel that others rely on.
func facts(t *testing.T, data string) string {
	t.Helper()
	c := openChannel(t, data)
	defer c.store.Close()
	var b bytes.Buffer
	ch, err := c.store.Channel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(&b, "%+v\n", ch)
	for _, key := range []string{"actor.pem", "preview.key"} {
		text, err := os.ReadFile(filepath.Join(data, "keys", key))
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %x\n", key, text)
	}
	for _, target := range []social.Target{social.Person, social.Group} {
		list, n, err := c.store.Social().Followers(t.Context(), target, 0, 1000)
		fmt.Fprintf(&b, "%s %d %+v %v\n", target, n, list, err)
	}
	videos, _, err := c.store.Videos(t.Context(), store.List{Audience: store.Everyone})
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range videos {
		fmt.Fprintf(&b, "%+v\n", v)
	}
	return b.String()
}
