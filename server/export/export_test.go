package export_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/export"
	"github.com/tubelet/tubelet/server/setup"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// A page shows the first answers of a thread, and a few threads. What is exported is all of
// it, each comment once, and nothing that nobody is shown.
func TestAllComments(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	if _, err := setup.Create(t.Context(), setup.Config{Data: data, Domain: "video.example", Handle: "me", Name: "Me"}); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: "A talk", Visibility: store.Public}}
	v.Media = store.Media{Rev: 1, State: store.Done}
	if err := s.CreateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	want := map[int64]int64{} // its parent, by number
	err = s.Social().Together(t.Context(), true, func(db *social.Store) error {
		add := func(parent int64, state social.State) (int64, error) {
			n := len(want)
			id, _, err := db.AddComment(t.Context(), social.Comment{Video: v.ID, Parent: parent, URI: fmt.Sprint(n, state), Name: "Ada",
				Acct: "@ada@a.example", HTML: fmt.Sprintf("<p>%d</p>", n), State: state, PublishedAt: time.Unix(1e9, 0)})
			if state == social.Shown {
				want[id] = parent
			}
			return id, err
		}
		thread, err := add(0, social.Shown)
		if err != nil {
			return err
		}
		for i := range 1100 { // more than two pages of reading, and than a page shows below one thread
			parent, state := thread, social.Shown
			switch {
			case i%50 == 7:
				state = social.Held
			case i%50 == 8:
				state = social.Hidden
			case i%100 == 9:
				parent = 0
			}
			if _, err := add(parent, state); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "plain")
	if _, err := export.Make(t.Context(), export.Config{Data: data, Store: s, Dir: dir}); err != nil {
		t.Fatal(err)
	}
	found, _ := filepath.Glob(filepath.Join(dir, "videos", "*", "comments.json"))
	if len(found) != 1 {
		t.Fatalf("%d files of comments", len(found))
	}
	text, err := os.ReadFile(found[0])
	if err != nil {
		t.Fatal(err)
	}
	var got []struct{ ID, Parent int64 }
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	last := int64(1 << 62)
	for _, c := range got {
		if parent, ok := want[c.ID]; !ok || parent != c.Parent || c.ID >= last {
			t.Errorf("comment %d, an answer to %d, after %d", c.ID, c.Parent, last)
		}
		last = c.ID
	}
	if len(got) != len(want) || len(want) != 1+1100-44 {
		t.Errorf("%d of %d comments", len(got), len(want))
	}
}
