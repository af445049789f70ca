package mend_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server/mend"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
)

// bench is a channel with two videos: one that was copied, and one that was encoded and
// whose original is kept.
type bench struct {
	t               *testing.T
	data            string
	store           *store.Store
	worker          *work.Worker
	copied, encoded store.Video
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := emptyBench(t)
	caption := filepath.Join(t.TempDir(), "talk.vtt")
	if err := os.WriteFile(caption, []byte("WEBVTT\n\n00:00.000 --> 00:01.000\nHello\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	b.copied = b.publish(work.Publish{Path: clip(t, "a.mp4", "640x480", "libx264"), Captions: map[string]string{"en": caption}})
	b.encoded = b.publish(work.Publish{Path: clip(t, "b.avi", "426x240", "mpeg4")})
	return b
}

// emptyBench is a channel without a video.
func emptyBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, data: filepath.Join(t.TempDir(), "data")}
	if _, err := setup.Create(t.Context(), setup.Config{Data: b.data, Domain: "video.example", Handle: "workshop", Name: "W"}); err != nil {
		t.Fatal(err)
	}
	var err error
	if b.store, err = store.Open(t.Context(), filepath.Join(b.data, "tubelet.db")); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.store.Close() })
	b.worker = work.New(work.Config{Data: b.data, Store: b.store, Media: media.New(media.Config{})})
	return b
}

func clip(t *testing.T, name, size, codec string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	audio := "aac"
	if codec == "mpeg4" {
		audio = "mp3"
	}
	out, err := exec.Command("ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s="+size+":r=10:d=6", "-f", "lavfi", "-i", "sine=d=6",
		"-c:v", codec, "-pix_fmt", "yuv420p", "-g", "20", "-c:a", audio, path).CombinedOutput()
	if err != nil {
		t.Fatalf("make clip: %v\n%s", err, out)
	}
	return path
}

func (b *bench) publish(p work.Publish) store.Video {
	b.t.Helper()
	v, err := b.worker.Publish(b.t.Context(), p, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return b.settle(v.ID)
}

func (b *bench) settle(id string) store.Video {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	if err := b.worker.Follow(ctx, id, 0, nil); err != nil {
		b.t.Fatal(err)
	}
	v, err := b.store.Video(ctx, id)
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) verify() []mend.Finding {
	b.t.Helper()
	f, err := mend.Verify(b.t.Context(), mend.Config{Data: b.data, Store: b.store})
	if err != nil {
		b.t.Fatal(err)
	}
	return f.Findings
}

func (b *bench) well() {
	b.t.Helper()
	for _, f := range b.verify() {
		b.t.Errorf("%s: %v", f.File.Path, f.Err)
	}
}

func flip(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	text[len(text)/2] ^= 0x10
	return errors.Join(os.Remove(path), os.WriteFile(path, text, 0o600)) // not through a hard link
}

func cut(path string) error { return os.Truncate(path, 100) }

// TestRepair harms a channel in every way, repairs it with and without a backup, and asks
// that it says the truth about each file.
func TestRepair(t *testing.T) {
	b := newBench(t)
	b.well()
	dir := filepath.Join(t.TempDir(), "backups")
	tests := []struct {
		name  string
		video *store.Video
		path  string
		harm  func(string) error
		want  error
		how   string // without a backup
	}{
		{"a lower rendition is gone", &b.copied, "1/360p.mp4", os.Remove, proof.ErrMissing, mend.Queued},
		{"a lower rendition rots", &b.copied, "1/360p.mp4", flip, proof.ErrRotten, mend.Queued},
		{"the only faithful rendition rots", &b.copied, "1/480p.mp4", flip, proof.ErrRotten, mend.Lost},
		{"an encoded rendition is gone, the original is there", &b.encoded, "1/240p.mp4", os.Remove, proof.ErrMissing, mend.Queued},
		{"the original rots", &b.encoded, "1/source.avi", flip, proof.ErrRotten, mend.Lost},
		{"a playlist is gone", &b.copied, "1/480p.m3u8", os.Remove, proof.ErrMissing, mend.Made},
		{"a playlist is cut", &b.copied, "1/480p.m3u8", cut, proof.ErrRotten, mend.Made},
		{"a torrent is gone", &b.copied, "1/480p.torrent", os.Remove, proof.ErrMissing, mend.Made},
		{"a torrent rots", &b.copied, "1/480p.torrent", flip, proof.ErrRotten, mend.Made},
		{"segment hashes are cut", &b.copied, "1/480p.hashes.json", cut, proof.ErrRotten, mend.Made},
		{"a poster rots", &b.copied, "1/poster-*.jpg", flip, proof.ErrRotten, mend.Queued},
		{"a storyboard is gone", &b.copied, "1/storyboard-*.jpg", os.Remove, proof.ErrMissing, mend.Queued},
		{"captions rot", &b.copied, "captions/en-*.vtt", flip, proof.ErrRotten, mend.Lost},
		{"the key is gone", nil, "keys/actor.pem", os.Remove, proof.ErrMissing, mend.Lost},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			os.RemoveAll(dir)
			if _, err := vault.Make(t.Context(), vault.Config{Data: b.data, Store: b.store, Dir: dir}); err != nil {
				t.Fatal(err)
			}
			rel := test.path
			if test.video != nil {
				rel = filepath.Join("videos", test.video.ID, rel)
			}
			paths, _ := filepath.Glob(filepath.Join(b.data, rel))
			if len(paths) != 1 {
				t.Fatalf("%s: %d files", rel, len(paths))
			}
			before, err := os.ReadFile(paths[0])
			if err != nil {
				t.Fatal(err)
			}
			// A cut goes through a hard link to the backup: take the link away first.
			if err := errors.Join(os.Remove(paths[0]), os.WriteFile(paths[0], before, 0o600), test.harm(paths[0])); err != nil {
				t.Fatal(err)
			}
			rel, _ = filepath.Rel(b.data, paths[0])
			found := b.verify()
			i := slices.IndexFunc(found, func(f mend.Finding) bool { return f.File.Path == rel })
			if i < 0 || !errors.Is(found[i].Err, test.want) {
				t.Fatalf("found %v", found)
			}
			if !b.mended(t, found, rel, test.how) {
				return
			}
			if test.how == mend.Lost {
				// With the backup the very bytes come back.
				if list := b.repair(t, b.verify(), dir, false); how(list, rel) != mend.FromBackup {
					t.Fatalf("from a backup: %v", list)
				}
				if after, err := os.ReadFile(paths[0]); err != nil || string(after) != string(before) {
					t.Errorf("other bytes came back: %v", err)
				}
			}
			b.well()
		})
	}
}

// mended repairs without a backup, dryly first, and reports whether there is more to see.
func (b *bench) mended(t *testing.T, found []mend.Finding, path, want string) bool {
	t.Helper()
	snapshot := tree(t, b.data)
	if list := b.repair(t, found, "", true); how(list, path) != want {
		t.Errorf("a dry run says %v", list)
	}
	if now := tree(t, b.data); now != snapshot {
		t.Errorf("the dry run changed:\n%s\n%s", snapshot, now)
	}
	list := b.repair(t, found, "", false)
	if how(list, path) != want {
		t.Errorf("it says %v", list)
		return false
	}
	for _, v := range []*store.Video{&b.copied, &b.encoded} {
		if *v = b.settle(v.ID); v.Media.State != store.Done {
			t.Errorf("%s is %s", v.ID, v.Media.State)
		}
	}
	return true
}

func (b *bench) repair(t *testing.T, found []mend.Finding, from string, dry bool) []mend.Mended {
	t.Helper()
	list, err := mend.Repair(t.Context(), mend.Repairs{Config: mend.Config{Data: b.data, Store: b.store}, Worker: b.worker, From: from, DryRun: dry}, found)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func how(list []mend.Mended, path string) string {
	for _, m := range list {
		if m.File.Path == path {
			return m.How
		}
	}
	return fmt.Sprintf("not among %d", len(list))
}

// tree lists the files of videos with their sizes.
func tree(t *testing.T, data string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.Walk(filepath.Join(data, "videos"), func(path string, info os.FileInfo, err error) error {
		if err == nil {
			fmt.Fprintln(&b, path, info.Size(), info.ModTime())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}
