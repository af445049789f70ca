package metainfo_test

import (
	"encoding/json"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// TestLoaderSwarms compares with what the packages themselves compute; vectors.mjs
// beside the record says how it was made.
func TestLoaderSwarms(t *testing.T) {
	var records []struct {
		File, Master, Version string
		Streams               []struct{ Playlist, Hash string }
	}
	b, err := os.ReadFile("testdata/loader/vectors.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &records); err != nil {
		t.Fatal(err)
	}
	checked := 0
	for _, record := range records {
		master, err := os.ReadFile(filepath.Join("testdata/loader", record.File))
		if err != nil {
			t.Fatal(err)
		}
		found := metainfo.LoaderSwarms(record.Master, master)
		for _, stream := range record.Streams {
			if stream.Playlist == "" {
				continue // sound inside the renditions: nobody loads it by itself
			}
			checked++
			has := slices.ContainsFunc(found, func(s metainfo.LoaderSwarm) bool {
				return string(s.Hash[:]) == stream.Hash && absolute(t, record.Master, s.Playlist) == stream.Playlist
			})
			if !has {
				t.Errorf("%s of %s, version %s: no swarm %s for %s", record.File, record.Master, record.Version, stream.Hash, stream.Playlist)
			}
		}
	}
	if checked != 28 {
		t.Errorf("checked %d streams, want 28", checked)
	}
}

// absolute resolves as a browser would, which leaves letters as they are written.
func absolute(t *testing.T, base, ref string) string {
	t.Helper()
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	return u.Scheme + "://" + u.Host + filepath.Dir(u.Path) + "/" + ref
}

func TestLoaderSwarmsCount(t *testing.T) {
	master, err := os.ReadFile("testdata/loader/plain.m3u8")
	if err != nil {
		t.Fatal(err)
	}
	found := metainfo.LoaderSwarms("https://a.example/master.m3u8", master)
	// Four names a stream; the two that have no average rate have three.
	if len(found) != 14 {
		t.Errorf("%d swarms, want 14", len(found))
	}
	// sha1("2https://a.example/master.m3u8+V0"), as PeerTube up to 6.3 names it.
	want := "9f30ff851160fe06ccd59c73f923548ea9087d62"
	if got := found[0].Hash.String(); got != want {
		t.Errorf("1.x swarm %s, want %s", got, want)
	}
}

func TestVideoLoaderHashes(t *testing.T) {
	hashes := metainfo.VideoLoaderHashes("9c9de5e8-0a1e-484a-b099-e80766180a6d", 720)
	// printf 'pt-v2-9c9de5e8-0a1e-484a-b099-e80766180a6d-main-default-720' | sha1sum, the
	// first 15 bytes in base64.
	if got, want := string(hashes[0][:]), "FuGEr478XuVjbIYvey2c"; len(hashes) != 3 || got != want {
		t.Errorf("%d hashes, first %q, want 3 and %q", len(hashes), got, want)
	}
}
