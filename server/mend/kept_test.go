package mend_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/tubelet/tubelet/server/mend"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/server/vault/proof"
	"github.com/tubelet/tubelet/server/work"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/archive"
)

// finding is what looking at a file of a video would find.
func (b *bench) finding(v store.Video, name string, err error) mend.Finding {
	b.t.Helper()
	files, failed := b.store.Archive().Files(b.t.Context())
	if failed != nil {
		b.t.Fatal(failed)
	}
	path := fmt.Sprintf("videos/%s/1/%s", v.ID, name)
	i := slices.IndexFunc(files, func(f archive.File) bool { return f.Path == path })
	if i < 0 {
		b.t.Fatalf("no row names %s", path)
	}
	return mend.Finding{File: files[i], Err: err}
}

// TestRepairKeepsFiles harms a video of which there are an original and two renditions, and
// asks what becomes of both. A file that is there never loses its row, which the next sweep
// would take for leave to remove it, and nothing is made from a file that is not as it was.
func TestRepairKeepsFiles(t *testing.T) {
	b := emptyBench(t)
	v := b.publish(work.Publish{Path: clip(t, "c.avi", "640x480", "mpeg4")})
	if len(v.Media.Renditions) != 2 || v.Media.SourceFile != "source.avi" {
		t.Fatalf("made %+v of %s", v.Media.Renditions, v.Media.SourceFile)
	}
	eio, eacces := fmt.Errorf("read after 0 bytes: %w", syscall.EIO), &os.PathError{Op: "open", Path: "x", Err: syscall.EACCES}
	rotten, short := fmt.Errorf("%w: one bit", proof.ErrRotten), fmt.Errorf("%w: 7 bytes", proof.ErrSize)
	for _, test := range []struct {
		name         string
		source       error
		source1      string // what becomes of it
		low, high    error
		low1, high1  string
		noteOfSource string
	}{
		{"one flipped bit in the original", rotten, mend.Lost, nil, nil, "", "", "is kept as it is"},
		{"a short original", short, mend.Lost, nil, nil, "", "", "is kept as it is"},
		{"an original on a disk that stutters", eio, mend.Kept, nil, nil, "", "", "could not be looked at"},
		{"an original that may not be read", eacces, mend.Kept, nil, nil, "", "", "could not be looked at"},
		{"renditions that may not be read", nil, "", eacces, eio, mend.Kept, mend.Kept, ""},
		{"a rendition rots with the original", rotten, mend.Lost, rotten, nil, mend.Lost, "", "is kept as it is"},
		{"a rendition is gone, the original cannot be read", eio, mend.Kept, proof.ErrMissing, nil, mend.Lost, "", "could not be looked at"},
		{"all rot", rotten, mend.Lost, rotten, rotten, mend.Lost, mend.Lost, "it is all there was"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var found []mend.Finding
			want := map[string]string{}
			for _, f := range []struct {
				name, how string
				err       error
			}{{"source.avi", test.source1, test.source}, {"360p.mp4", test.low1, test.low}, {"480p.mp4", test.high1, test.high}} {
				if f.err != nil {
					found = append(found, b.finding(v, f.name, f.err))
					want[f.name] = f.how
				}
			}
			before, files := b.settle(v.ID), tree(t, b.data)
			for _, m := range b.repair(t, found, "", false) {
				name := filepath.Base(m.File.Path)
				if m.How != want[name] {
					t.Errorf("%s is %s (%s), not %s", name, m.How, m.Note, want[name])
				}
				if name == "source.avi" && !strings.Contains(m.Note, test.noteOfSource) {
					t.Errorf("it says %q", m.Note)
				}
			}
			if err := b.worker.Sweep(t.Context()); err != nil {
				t.Fatal(err)
			}
			after := b.settle(v.ID)
			if after.Media.SourceFile != before.Media.SourceFile || len(after.Media.Renditions) != len(before.Media.Renditions) {
				t.Errorf("the rows name %q and %+v", after.Media.SourceFile, after.Media.Renditions)
			}
			if now := tree(t, b.data); now != files {
				t.Errorf("files have changed:\n%s\n%s", files, now)
			}
		})
	}
	keepsOn(t, b, v, eio)
}

// keepsOn goes on with the same channel: what is small is made anew, and what is gone is lost.
func keepsOn(t *testing.T, b *bench, v store.Video, eio error) {
	t.Helper()
	t.Run("what is small cannot be read", func(t *testing.T) {
		before := tree(t, b.data)
		for _, name := range []string{"480p.torrent", "480p.m3u8", "480p.hashes.json"} {
			f := b.finding(v, name, eio)
			if list := b.repair(t, []mend.Finding{f}, "", false); how(list, f.File.Path) != mend.Made {
				t.Errorf("%s: %+v", name, list)
			}
		}
		if tree(t, b.data) == before {
			t.Error("no file is new")
		}
		b.well()
	})
	t.Run("a rendition is gone and the original too", func(t *testing.T) {
		folder := filepath.Join(b.data, "videos", v.ID, "1")
		if err := errors.Join(os.Remove(filepath.Join(folder, "source.avi")), os.Remove(filepath.Join(folder, "360p.mp4"))); err != nil {
			t.Fatal(err)
		}
		list := b.repair(t, b.verify(), "", false)
		if how(list, "videos/"+v.ID+"/1/source.avi") != mend.Lost || how(list, "videos/"+v.ID+"/1/360p.mp4") != mend.Queued {
			t.Errorf("it says %+v", list)
		}
		if now := b.settle(v.ID); now.Media.SourceFile != "" || len(now.Media.Renditions) != 2 {
			t.Errorf("%+v", now.Media)
		}
		b.well()
	})
}

// TestOlderEncoding has a backup from before a rendition was encoded anew. What lies beside
// the old one would send players to the wrong bytes, and is not taken.
func TestOlderEncoding(t *testing.T) {
	b := emptyBench(t)
	v := b.publish(work.Publish{Path: clip(t, "b.avi", "426x240", "mpeg4")})
	dir := filepath.Join(t.TempDir(), "backups")
	r, err := vault.Make(t.Context(), vault.Config{Data: b.data, Store: b.store, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(r.Folder, "manifest.json")
	text, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	infohash := v.Media.Renditions[0].Infohash
	other := strings.ReplaceAll(string(text), infohash, strings.Repeat("5a", 20))
	if infohash == "" || other == string(text) {
		t.Fatalf("the manifest does not name %q", infohash)
	}
	for _, test := range []struct{ name, manifest, want string }{{"the same", string(text), mend.FromBackup}, {"an older one", other, mend.Made}} {
		t.Run(test.name, func(t *testing.T) {
			if err := os.WriteFile(manifest, []byte(test.manifest), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, name := range []string{"240p.m3u8", "240p.hashes.json", "240p.torrent"} {
				rel := filepath.Join("videos", v.ID, "1", name)
				if err := os.Remove(filepath.Join(b.data, rel)); err != nil {
					t.Fatal(err)
				}
				if got := how(b.repair(t, b.verify(), dir, false), rel); got != test.want {
					t.Errorf("%s is %s, not %s", name, got, test.want)
				}
			}
			b.well()
		})
	}
}
