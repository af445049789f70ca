package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

func ids(list []store.Video) []string {
	var out []string
	for _, v := range list {
		out = append(out, v.ID)
	}
	return out
}

// shelf fills a store with ten listed videos, oldest first, and one of every other kind.
func shelf(t *testing.T, s *store.Store) []string {
	t.Helper()
	var out []string
	for i := range 10 {
		v := sample(fmt.Sprintf("Video %d", i), "all")
		if i%2 == 0 {
			v.Tags = append(v.Tags, "Even")
		}
		out = append(out, create(t, s, v).ID)
	}
	for _, v := range []store.Visibility{store.Draft, store.Unlisted} {
		hidden := sample("Video hidden", "all", "secret")
		hidden.Visibility = v
		create(t, s, hidden)
	}
	scheduled := sample("Video scheduled", "all", "secret")
	scheduled.PublishAt = time.Now().Add(time.Hour)
	create(t, s, scheduled)
	unfinished := processing("Video unfinished")
	unfinished.Tags = []string{"all", "secret"}
	create(t, s, unfinished)
	return out
}

func TestLists(t *testing.T) {
	s := open(t)
	v := shelf(t, s)
	tests := []struct {
		name  string
		list  store.List
		want  []string
		total int
	}{
		{"first page", store.List{Limit: 3}, []string{v[9], v[8], v[7]}, 10},
		{"last page", store.List{Limit: 3, Offset: 9}, []string{v[0]}, 10},
		{"behind the last", store.List{Limit: 3, Offset: 30}, nil, 10},
		{"tag", store.List{Tag: "EVEN", Limit: 2}, []string{v[8], v[6]}, 5},
		{"unknown tag", store.List{Tag: "nope"}, nil, 0},
		{"tag of hidden ones only", store.List{Tag: "secret"}, nil, 0},
		{"words of hidden ones only", store.List{Query: "hidden"}, nil, 0},
		{"query", store.List{Query: "video 4"}, []string{v[4]}, 1},
		{"query and tag", store.List{Query: "video 4", Tag: "even"}, []string{v[4]}, 1},
		{"query and other tag", store.List{Query: "video 3", Tag: "even"}, nil, 0},
		{"created", store.List{Sort: "created", Limit: 1}, []string{v[9]}, 10},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			list, total, err := s.Videos(t.Context(), test.list)
			must(t, err)
			same(t, ids(list), test.want)
			same(t, total, test.total)
		})
	}

	list, total, err := s.Videos(t.Context(), store.List{Audience: store.Everyone})
	must(t, err)
	same(t, total, 14)
	same(t, len(list), 14)
	same(t, list[0].Title, "Video unfinished") // what is not published yet comes first
	_, total, err = s.Videos(t.Context(), store.List{Audience: store.Everyone, Query: "hidden"})
	must(t, err)
	same(t, total, 2)

	tags, err := s.Tags(t.Context())
	must(t, err)
	same(t, tags, []store.TagCount{{Tag: "all", Count: 10}, {Tag: "Even", Count: 5}})
}

func TestRelated(t *testing.T) {
	s := open(t)
	v := shelf(t, s)
	list, err := s.Related(t.Context(), load(t, s, v[4]), 7)
	must(t, err)
	same(t, ids(list), []string{v[8], v[6], v[2], v[0], v[9], v[7], v[5]})
	same(t, list[0].Media.Duration, 90*time.Second)

	lone := create(t, s, sample("no tags"))
	list, err = s.Related(t.Context(), load(t, s, lone.ID), 3)
	must(t, err)
	same(t, ids(list), []string{v[9], v[8], v[7]})
	list, err = s.Related(t.Context(), load(t, s, v[9]), 50)
	must(t, err)
	same(t, len(list), 10)
}
