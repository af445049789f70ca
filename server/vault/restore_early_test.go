package vault_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/tubelet/tubelet/server/export"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

// What is still to be transcoded is there after a restoring, as it was before, and in an export.
func TestRestoreBeforeWatchable(t *testing.T) {
	c := newChannel(t)
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: "Not yet", Visibility: store.Public}}
	v.Media = store.Media{Rev: 1, SourceFile: "source.avi", SourceBytes: 5}
	c.write(filepath.Join("videos", v.ID, "1", "source.avi"), []byte("frame"))
	if err := c.store.CreateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	c.backup(dir, nil)
	data := filepath.Join(t.TempDir(), "new")
	if _, err := vault.Restore(t.Context(), vault.RestoreConfig{Data: data, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	n := openChannel(t, data)
	got, err := n.store.Video(t.Context(), v.ID)
	if err != nil || got.Title != "Not yet" || got.Media.SourceFile != "source.avi" {
		t.Fatalf("%+v, %v", got, err)
	}
	if rev, err := n.store.NewestRev(t.Context(), v.ID); err != nil || rev != 1 {
		t.Errorf("the newest revision is %d, %v", rev, err)
	}
	out := filepath.Join(t.TempDir(), "plain")
	r, err := export.Make(t.Context(), export.Config{Data: data, Store: n.store, Dir: out})
	if err != nil || len(r.Missing) > 0 {
		t.Fatalf("%+v, %v", r, err)
	}
	films, err := filepath.Glob(filepath.Join(out, "videos", "*", "*.avi"))
	if err != nil || len(films) != 1 {
		t.Fatalf("films %v, %v", films, err)
	}
	if text, err := os.ReadFile(films[0]); err != nil || string(text) != "frame" {
		t.Errorf("%q, %v", text, err)
	}
}
