package server

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/store"
)

// The videos of a test channel, one of each kind. Their titles carry words that are
// looked for where they must not be.
const (
	public     = "pub1234567"
	unlisted   = "unl1234567"
	draft      = "dra1234567"
	scheduled  = "sch1234567"
	processing = "pro1234567"
)

// channelOf is a test channel: a real store and real files.
type channelOf struct {
	*site
	data string
	url  string // of a server that shows it
}

// open makes a channel in a fresh data directory.
func open(t testing.TB, c store.Channel) (string, *store.Store) {
	t.Helper()
	data := t.TempDir()
	// One key for all tests: to make one takes as long as most of them.
	if err := os.MkdirAll(filepath.Join(data, "keys"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(data, "keys", "actor.pem"), actorKey(), 0o600); err != nil {
		t.Fatal(err)
	}
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.CreateChannel(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	return data, db
}

var actorKey = sync.OnceValue(func() []byte {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
})

func localChannel() store.Channel {
	return store.Channel{
		Handle: "workshop", Domain: "127.0.0.1:8080", Local: true, Name: "The <Small> Workshop", Language: "en",
		Description: "Wood & *steel*.", CreatedAt: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
	}
}

// newChannel serves a local channel with a video of each kind.
func newChannel(t testing.TB) channelOf {
	t.Helper()
	data, db := open(t, localChannel())
	for _, v := range kinds() {
		publish(t, data, db, v)
	}
	return serveSite(t, Config{Data: data, Store: db, Media: media.New(media.Config{}), Local: true, Log: testLog(t)})
}

func serveSite(t testing.TB, cfg Config) channelOf {
	t.Helper()
	s, err := newSite(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(s.handler())
	t.Cleanup(func() { server.Close(); s.close() })
	return channelOf{site: s, data: cfg.Data, url: server.URL}
}

// testLog fails the test for each line of a fault.
func testLog(t testing.TB) *slog.Logger {
	return slog.New(slog.NewTextHandler(faults{t}, &slog.HandlerOptions{Level: slog.LevelError}))
}

type faults struct{ t testing.TB }

func (f faults) Write(b []byte) (int, error) {
	f.t.Errorf("log: %s", b)
	return len(b), nil
}

func kinds() []store.Video {
	list := []store.Video{
		{ID: public, Title: "Publicword & <b>friends</b>", Visibility: store.Public, Tags: []string{"wood", "how-to"}},
		{ID: unlisted, Title: "Unlistedword", Visibility: store.Unlisted, Tags: []string{"secrettag"}},
		{ID: draft, Title: "Draftword", Visibility: store.Draft, Tags: []string{"secrettag"}},
		{ID: scheduled, Title: "Scheduledword", Visibility: store.Public, Tags: []string{"secrettag"}, PublishAt: time.Now().Add(time.Hour)},
		{ID: processing, Title: "Processingword", Visibility: store.Public, Tags: []string{"secrettag"}},
	}
	for i := range list {
		v := &list[i]
		v.Description = "0:00 Start\n\nAbout " + v.Title + "]]>"
		v.Downloads = true
		v.CreatedAt = time.Now().Add(-time.Hour)
		v.Chapters = []store.Chapter{{Title: "Intro of " + v.Title}, {Start: 5 * time.Second, Title: "More"}}
		v.Captions = []store.Caption{{Language: "en", Label: "English", File: "en-0badcafe.vtt"}}
		v.Media = store.Media{
			Rev: 1, State: store.Done, SourceName: "talk.mov", SourceBytes: 12345, SourceFile: "source.mov",
			Duration: 90 * time.Second, Width: 1280, Height: 720, FPS: 25, HasVideo: true, HasAudio: true,
			SourceSHA256: strings.Repeat(fmt.Sprint(i), 64),
			Poster:       "poster-0badcafe.jpg", PosterWidth: 1280, PosterHeight: 720, Thumb: "thumb-0badcafe.jpg",
			Storyboard: store.Storyboard{File: "storyboard-0badcafe.jpg", VTT: "storyboard-0badcafe.vtt", Columns: 2, Rows: 2, Width: 160, Height: 90, Interval: 10 * time.Second},
		}
		if v.ID != processing {
			v.Media.Renditions = []store.Rendition{rendition(720), rendition(480)}
		}
	}
	return list
}

func rendition(height int) store.Rendition {
	name := fmt.Sprintf("%dp", height)
	return store.Rendition{
		Height: height, File: name + ".mp4", Playlist: name + ".m3u8", Bytes: int64(len(fileBody(name + ".mp4"))),
		Width: height * 16 / 9, PixHeight: height, FPS: 25, Codecs: "avc1.64001f,mp4a.40.2", Bandwidth: height * 2000, Average: height * 1500,
	}
}

// publish stores v and puts files in its folder.
func publish(t testing.TB, data string, db *store.Store, v store.Video) {
	t.Helper()
	if err := db.CreateVideo(t.Context(), store.NewVideo{Video: v}); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(data, "videos", v.ID, "1")
	names := []string{v.Media.Poster, v.Media.Thumb, v.Media.Storyboard.File, v.Media.Storyboard.VTT, v.Media.SourceFile}
	for _, r := range v.Media.Renditions {
		names = append(names, r.File, r.Playlist)
	}
	for _, c := range v.Captions {
		names = append(names, "../captions/"+c.File)
	}
	for _, name := range names {
		if name == "" {
			continue
		}
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, fileBody(filepath.Base(name)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// fileBody is the content of a file with that name.
func fileBody(name string) []byte {
	if strings.HasSuffix(name, ".mp4") {
		return bytes.Repeat([]byte(name+" 0123456789"), 20_000)
	}
	return []byte("WEBVTT or whatever " + name + " is\n")
}

// set changes a setting and waits until pages know.
func (c channelOf) set(t testing.TB, key, value string) {
	t.Helper()
	if err := c.store.SetSetting(t.Context(), key, value); err != nil {
		t.Fatal(err)
	}
	time.Sleep(seen)
}

// seen is when a commit shows at the latest: a little more than the cache promises.
const seen = 10 * time.Millisecond

// answer is a response, read to its end.
type answer struct {
	*http.Response
	body string
}

// ask sends a request; each header is "Name: value". It follows no redirect.
func (c channelOf) ask(t testing.TB, method, path string, header ...string) answer {
	t.Helper()
	return askURL(t, method, c.url+path, nil, header...)
}

func (c channelOf) get(t testing.TB, path string, header ...string) answer {
	t.Helper()
	return c.ask(t, "GET", path, header...)
}

func askURL(t testing.TB, method, url string, body io.Reader, header ...string) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), method, url, body)
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		if r.Header.Add(name, value); name == "Host" {
			r.Host = value
		}
	}
	res, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{res, string(b)}
}
