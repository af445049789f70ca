package vault

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/vault/proof"
)

func TestManifestComesBack(t *testing.T) {
	m := Manifest{Format: format, Number: 3, Schema: 3, Domain: "video.example", Files: []proof.File{
		{Path: "tubelet.db", Bytes: 7, Known: proof.Read, SHA256: "ab"}, {Path: "videos/a/1/360p.mp4", Bytes: 9, Known: proof.Torrent, Infohash: "cd"},
	}}
	text, err := m.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseManifest(text)
	if diff := cmp.Diff(m, got); err != nil || diff != "" {
		t.Errorf("%v\n%s", err, diff)
	}
}

// A manifest may come from a disk that went through many hands.
func FuzzManifest(f *testing.F) {
	for _, path := range []string{"videos/a/1/b.mp4", "../../etc/passwd", "/etc/passwd", "videos/../tubelet.db", "keys//a", "videos", "tubelet.db-wal", `videos\..\x`, ""} {
		text, err := Manifest{Format: format, Schema: 1, Files: []proof.File{{Path: databaseName}, {Path: path}}}.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(`{"format":1,"schema":1,"files":[{"path":"tubelet.db","bytes":-1}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		m, err := parseManifest(text)
		if err != nil {
			return
		}
		seen := map[string]bool{}
		for _, file := range m.Files {
			at := filepath.Join("/backup", file.Path)
			if !within(at, "/backup") || at == "/backup" || seen[at] || file.Bytes < 0 {
				t.Errorf("%q leads to %s", file.Path, at)
			}
			seen[at] = true
		}
	})
}

func TestPlain(t *testing.T) {
	for name, want := range map[string]bool{
		"tubelet.db": true, "keys/actor.pem": true, "videos/a/1/360p.mp4": true, "channel/avatar.jpg": true,
		"tubelet.db-wal": false, "videos": false, "work/x": false, "manifest.json": false, "videos/../keys/x": false, "../x": false,
		"/videos/x": false, "videos//x": false, `videos\x`: false, "videos/x\x00": false, "": false, "videos/.": false, "serve.lock": false,
	} {
		if plain(name) != want {
			t.Errorf("%q: %v", name, !want)
		}
	}
}
