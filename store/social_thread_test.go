package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// However long a chain of answers strangers make, it can be removed again, by itself and with
// its video.
func TestDeepThread(t *testing.T) {
	s := open(t)
	v := create(t, s, sample("A talk"))
	parent, first := int64(0), int64(0)
	must(t, s.Social().Together(t.Context(), true, func(db *social.Store) error {
		for i := range 1200 {
			id, _, err := db.AddComment(t.Context(), social.Comment{Video: v.ID, Parent: parent, URI: fmt.Sprint(i), State: social.Shown, PublishedAt: time.Now()})
			if err != nil {
				return err
			}
			if parent = id; first == 0 {
				first = id
			}
		}
		return nil
	}))
	same(t, load(t, s, v.ID).Comments, 1200)
	must(t, s.Social().RemoveComment(t.Context(), first))
	same(t, load(t, s, v.ID).Comments, 0)
}
