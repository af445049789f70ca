package mirror_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/mirror"
)

// TestFollow: what the channel has comes, what it publishes later comes too, and List tells.
func TestFollow(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	first := c.publish("first", 700_000)
	m := c.begin(t, dir, nil)
	poll(t, "the first video", func() bool { return has(dir, first) })
	second := c.publish("second", 300_000)
	poll(t, "the second video", func() bool { return has(dir, second) })
	poll(t, "the list", func() bool {
		l := only(t, m)
		return l.Files == 2 && l.Bytes == 1_000_000 && l.Wanted == 2 && l.Error == "" && l.Title == "A channel" && !l.Looked.IsZero()
	})
	if got := c.ranges; len(got) != 2 || got[0] != "" {
		t.Errorf("it asked for the ranges %q, want two whole files", got)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "files", "*.part")); len(left) != 0 {
		t.Errorf("left over: %v", left)
	}
}

// TestResume: what had come before a break is not fetched again, also after a restart.
func TestResume(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	c.limit = 1_000_000
	v := c.publish("long", 3_000_000)
	c.begin(t, dir, nil)
	poll(t, "the whole file in parts", func() bool { return has(dir, v) })
	c.mu.Lock()
	defer c.mu.Unlock()
	// Each break loses less than a piece and what was on its way.
	if c.sent > 4_500_000 || len(c.ranges) < 3 || c.ranges[0] != "" || !strings.HasPrefix(c.ranges[1], "bytes=") {
		t.Errorf("%d bytes for a file of 3000000, ranges %q", c.sent, c.ranges)
	}
}

// TestHomeAway: what has come of a file is kept while its home can't be asked.
func TestHomeAway(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	v := c.publish("long", 3_000_000)
	other, err := mirror.New(mirror.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Add(t.Context(), c.URL); err != nil {
		t.Fatal(err)
	}
	part := filepath.Join(dir, "files", v.torrent.InfoHash.String()+".part")
	if err := os.WriteFile(part, v.data[:2_500_000], 0o600); err != nil {
		t.Fatal(err)
	}
	c.down = true
	m := c.run(t, dir, nil)
	poll(t, "a look in vain", func() bool { return strings.Contains(only(t, m).Error, "503") })
	before := only(t, m).Looked
	poll(t, "another", func() bool { return only(t, m).Looked.After(before) })
	if _, err := os.Stat(part); err != nil {
		t.Fatal(err)
	}
	c.change(func() { c.down = false })
	poll(t, "the file", func() bool { return has(dir, v) })
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent > 1_000_000 {
		t.Errorf("%d bytes were fetched where 500000 were missing", c.sent)
	}
}

// TestCorrupt: what is not what it should be does not get on the shelf.
func TestCorrupt(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	c.corrupt = true
	v := c.publish("video", 700_000)
	m := c.begin(t, dir, nil)
	poll(t, "an error", func() bool { return strings.Contains(only(t, m).Error, "other bytes") })
	if kept(dir, v) != nil {
		t.Error("a corrupt file is on the shelf")
	}
	c.change(func() { c.corrupt = false })
	poll(t, "the right file", func() bool { return has(dir, v) })
}

// TestGone: a video that is no longer public goes; one that only left the feed stays.
func TestGone(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	hidden, old := c.publish("hidden", 100_000), c.publish("old", 100_000)
	c.begin(t, dir, func(cfg *mirror.Config) { cfg.Command = child })
	poll(t, "both", func() bool { return has(dir, hidden) && has(dir, old) })
	poll(t, "the tracker to know", func() bool { s := c.tracker.Stats(); return len(s.Mirrors) == 1 && s.Mirrors[0].Swarms == 2 })
	c.change(func() {
		c.hidden[hidden.torrent.InfoHash] = true
		c.videos[1].feed = false
	})
	poll(t, "the hidden one to go", func() bool { return kept(dir, hidden) == nil })
	poll(t, "the tracker to know", func() bool { s := c.tracker.Stats(); return len(s.Mirrors) == 1 && s.Mirrors[0].Swarms == 1 })
	if !has(dir, old) {
		t.Error("the old one is gone")
	}
}

// TestRemove: the files of a channel go with it, while the mirror runs and while not.
func TestRemove(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	v := c.publish("video", 100_000)
	t.Run("running", func(t *testing.T) {
		m := c.begin(t, dir, nil)
		poll(t, "the video", func() bool { return has(dir, v) })
		other, err := mirror.New(mirror.Config{Dir: dir}) // as another command would
		if err != nil {
			t.Fatal(err)
		}
		if err := other.Run(t.Context()); !errors.Is(err, mirror.ErrRunning) {
			t.Errorf("a second run: %v", err)
		}
		if err := other.Remove(c.URL); err != nil {
			t.Fatal(err)
		}
		poll(t, "the video to go", func() bool { return kept(dir, v) == nil })
		if err := m.Remove(c.URL); !errors.Is(err, mirror.ErrUnknown) {
			t.Errorf("removed again: %v", err)
		}
		if _, err := other.Add(t.Context(), c.URL); err != nil {
			t.Fatal(err)
		}
		poll(t, "the video again", func() bool { return has(dir, v) })
	})
	t.Run("stopped", func(t *testing.T) {
		m, err := mirror.New(mirror.Config{Dir: dir})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Remove(c.URL); err != nil {
			t.Fatal(err)
		}
		if kept(dir, v) != nil {
			t.Error("the video is still there")
		}
	})
}

// TestSize: the disk is bounded; what is new replaces what is old.
func TestSize(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	old, middle := c.publish("old", 400_000), c.publish("middle", 400_000)
	m, err := mirror.New(mirror.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Set(mirror.Settings{Name: "attic", Size: 1_000_000, Rate: 1 << 20}); err != nil {
		t.Fatal(err)
	}
	c.begin(t, dir, nil)
	poll(t, "two videos", func() bool { return has(dir, old) && has(dir, middle) })
	newest := c.publish("new", 400_000)
	large := c.publish("large", 2_000_000)
	poll(t, "the new one", func() bool { return has(dir, newest) })
	if kept(dir, old) != nil || !has(dir, middle) || kept(dir, large) != nil {
		t.Error("the wrong one went, or the large one came")
	}
	if s, err := m.Settings(); err != nil || s.Name != "attic" || s.Size != 1_000_000 {
		t.Errorf("settings %+v, %v", s, err)
	}
}

// TestRefused: a mirror that is not wanted says so, and seeds nothing there.
func TestRefused(t *testing.T) {
	c, dir := newChannel(t), t.TempDir()
	c.refused = true
	c.publish("video", 100_000)
	m := c.begin(t, dir, func(cfg *mirror.Config) { cfg.Command = child })
	poll(t, "a refusal", func() bool { l := only(t, m); return l.Refused && !l.Connected })
	if s := c.tracker.Stats(); len(s.Mirrors) != 0 || len(s.Swarms) != 0 {
		t.Errorf("the tracker has %+v", s)
	}
}

func TestAddresses(t *testing.T) {
	c := newChannel(t)
	m, err := mirror.New(mirror.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	for _, good := range []string{c.URL, c.URL + "/", c.URL + "/feed.json", c.URL + "/w/abc"} {
		if got, err := m.Add(t.Context(), good); err != nil || got.Base != c.URL {
			t.Errorf("add %s: %+v, %v", good, got, err)
		}
	}
	if list, err := m.List(); err != nil || len(list) != 1 {
		t.Errorf("list %+v, %v", list, err)
	}
	for _, bad := range []string{"", "@name", "@name@", "ftp://a.example", "https://me:pw@a.example", c.URL + "/missing.json", "://"} {
		if got, err := m.Add(t.Context(), bad); err == nil {
			t.Errorf("added %q: %+v", bad, got)
		}
	}
}

// TestSettings: the file is for its owner's eyes, and survives.
func TestSettings(t *testing.T) {
	dir := t.TempDir()
	m, err := mirror.New(mirror.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Set(mirror.Settings{Name: "attic", URL: "https://friend.example", Size: -5, Rate: 7}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(dir, "mirror.json"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	again, err := mirror.New(mirror.Config{Dir: dir, Every: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if s, err := again.Settings(); err != nil || s.Name != "attic" || s.Size != 0 || s.Rate != 7 {
		t.Errorf("settings %+v, %v", s, err)
	}
	if err := os.WriteFile(filepath.Join(dir, "mirror.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := again.Settings(); err == nil {
		t.Error("a broken file was read")
	}
}
