package app

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/server/vault"
	"github.com/tubelet/tubelet/store"
)

// A backup named for a data directory is neither looked into nor changed: a database that is
// opened gets a log, and no longer is what the manifest says.
func TestBackupIsNoDataDirectory(t *testing.T) {
	data, dir := filepath.Join(t.TempDir(), "data"), t.TempDir()
	if _, err := setup.Create(t.Context(), setup.Config{Data: data, Domain: "video.example", Handle: "me", Name: "Me"}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := vault.Make(t.Context(), vault.Config{Data: data, Store: s, Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	before := everything(t, r.Folder)
	at := func(dir string) *App { return &App{Data: dir, Getenv: os.Getenv} }
	a := at(r.Folder)
	for name, open := range map[string]func() (*Session, error){
		"to look": func() (*Session, error) { return a.Look(t.Context()) }, "to change": func() (*Session, error) { return a.Open(t.Context()) },
	} {
		if _, err := open(); !errors.Is(err, store.ErrInvalid) || !strings.Contains(err.Error(), "is a backup") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if diff := cmp.Diff(before, everything(t, r.Folder)); diff != "" {
		t.Errorf("the backup has changed:\n%s", diff)
	}
	// Another program's manifest beside a channel is none of ours.
	if err := os.WriteFile(filepath.Join(data, "manifest.json"), []byte(`{"name": "Tube"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	session, err := at(data).Look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	session.Close()
}

// everything returns the content of each file in a folder.
func everything(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
