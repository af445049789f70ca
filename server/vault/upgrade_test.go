package vault_test

import (
	"archive/tar"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/mend"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// released unpacks a data directory as a program of schema version 1 has left it: a channel
// with two videos, one copied and public with captions, one encoded and unlisted.
func released(t *testing.T) string {
	t.Helper()
	data := filepath.Join(t.TempDir(), "data")
	f, err := os.Open("testdata/v1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return data
		}
		if err != nil || !filepath.IsLocal(h.Name) {
			t.Fatal(h, err)
		}
		path := filepath.Join(data, h.Name)
		if h.FileInfo().IsDir() {
			err = os.MkdirAll(path, 0o700)
		} else {
			var text []byte
			text, err = io.ReadAll(r)
			err = errors.Join(err, os.WriteFile(path, text, 0o600))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// A data directory of the first version is opened by this one: every video plays on, what
// is new is made for it, and the copy from before is there.
func TestUpgradeOfRealData(t *testing.T) {
	data := released(t)
	key, err := os.ReadFile(filepath.Join(data, "keys", "actor.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c := openChannel(t, data)
	if version, err := archive.Check(t.Context(), filepath.Join(data, "tubelet.db.v1")); err != nil || version != 1 {
		t.Errorf("the copy from before is of version %d, %v", version, err)
	}
	w := work.New(work.Config{Data: data, Store: c.store, Media: media.New(media.Config{})})
	if err := c.store.QueueTorrents(t.Context(), store.Job{Kind: "torrents"}); err != nil {
		t.Fatal(err)
	}
	for did := true; did; {
		if did, err = w.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	found, err := mend.Verify(t.Context(), mend.Config{Data: data, Store: c.store})
	if err != nil || len(found.Findings) > 0 || found.Files < 15 {
		t.Errorf("of %d files: %v, %v", found.Files, found.Findings, err)
	}
	url, stop, err := served(t.Context(), c.store, data)
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, path := range []string{"/", "/w/m82g5ttp7f", "/w/ewrkhk7vqf", "/media/m82g5ttp7f/1/120p.mp4", "/media/m82g5ttp7f/1/master.m3u8",
		"/media/m82g5ttp7f/1/120p.torrent", "/media/m82g5ttp7f/captions/en-a8ff739f.vtt", "/media/ewrkhk7vqf/1/120p.mp4"} {
		if err := answers(url+path, http.StatusOK); err != nil {
			t.Error(err)
		}
	}
	if now, err := os.ReadFile(filepath.Join(data, "keys", "actor.pem")); err != nil || string(now) != string(key) {
		t.Errorf("the key has changed: %v", err)
	}
	dir := t.TempDir()
	c.backup(dir, nil)
	whole(t, dir)
}

// A backup of an older version is upgraded while it is restored, and stays as it is.
func TestRestoreOfOlderBackup(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "tubelet-old")
	if err := os.Rename(released(t), dir); err != nil {
		t.Fatal(err)
	}
	var files []proof.File
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || strings.HasSuffix(rel, ".lock") {
			return err
		}
		info, err := d.Info()
		files = append(files, proof.File{Path: filepath.ToSlash(rel), Bytes: info.Size(), Modified: info.ModTime(), Known: proof.Size})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(vault.Manifest{Format: 1, Number: 1, Schema: 1, Domain: "127.0.0.1:24002", Handle: "workshop", Files: files})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "manifest.json"), text, 0o600); err != nil {
		t.Fatal(err)
	}
	whole(t, dir)
	data := filepath.Join(t.TempDir(), "data")
	r, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir})
	if err != nil || !r.Upgraded {
		t.Fatalf("%+v, %v", r, err)
	}
	whole(t, dir)
	if diff := cmp.Diff([]string{"backup.lock", "ballast", "channel", "keys", "place.lock", "serve.lock", "tls", "tubelet.db", "videos", "work", "work.lock"}, names(t, data)); diff != "" {
		t.Errorf("the data directory:\n%s", diff)
	}
	c := openChannel(t, data)
	if v, err := c.store.Video(t.Context(), "m82g5ttp7f"); err != nil || v.Title != "A talk" || len(v.Captions) != 1 {
		t.Errorf("%+v, %v", v, err)
	}
}

// A write-ahead log that a disk has spoilt costs what was in it and nothing else.
func TestSpoiltLog(t *testing.T) {
	c := newChannel(t)
	c.add("Before", 100_000)
	if err := c.store.Maintain(t.Context(), time.Now()); err != nil { // folds the log in
		t.Fatal(err)
	}
	c.add("In the log", 100_000)
	harms := map[string]func(log []byte) []byte{
		"a byte in the middle": func(b []byte) []byte { b[len(b)/2] ^= 1; return b },
		"its head":             func(b []byte) []byte { b[3] ^= 1; return b },
		"noise":                func(b []byte) []byte { return []byte(strings.Repeat("noise ", len(b)/6)) },
		"cut in a frame":       func(b []byte) []byte { return b[:len(b)/2+7] },
		"empty":                func([]byte) []byte { return nil },
	}
	for name, harm := range harms {
		t.Run(name, func(t *testing.T) {
			data := t.TempDir()
			for _, file := range []string{"tubelet.db", "tubelet.db-wal"} {
				text, err := os.ReadFile(filepath.Join(c.data, file))
				if err != nil {
					t.Fatal(err)
				}
				if file == "tubelet.db-wal" {
					if len(text) < 8192 {
						t.Fatalf("the log has %d bytes: nothing would be shown", len(text))
					}
					text = harm(text)
				}
				if err := os.WriteFile(filepath.Join(data, file), text, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			s, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
			if err != nil {
				t.Fatal(err)
			}
			defer s.Close()
			if err := s.Archive().Sound(t.Context()); err != nil {
				t.Error(err)
			}
			if _, n, err := s.Videos(t.Context(), store.List{Audience: store.Everyone}); err != nil || n < 1 || n > 2 {
				t.Errorf("%d videos, %v", n, err)
			}
			if err := s.SetSetting(t.Context(), "threads", "2"); err != nil {
				t.Errorf("it cannot be written to: %v", err)
			}
		})
	}
}
