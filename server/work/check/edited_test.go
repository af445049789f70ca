package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/work/check"
	"github.com/tubelet/tubelet/store"
)

func TestEdited(t *testing.T) {
	timed := "0:00 Start\n0:10 Middle\n0:20 End"
	own := []store.Chapter{{Title: "Mine"}, {Start: time.Second, Title: "Own"}}
	tests := []struct {
		name          string
		before, after store.Video
		want          store.Video
		err           string
	}{
		{
			name:  "texts are cleaned",
			after: store.Video{Title: " a\x1b\nb ", Description: "x\r\ny\x07 ", Tags: []string{"#wood", "Wood"}, Language: "EN-us"},
			want:  store.Video{Title: "a b", Description: "x\ny", Tags: []string{"wood"}, Language: "en-US"},
		},
		{
			name:  "timestamps become chapters",
			after: store.Video{Title: "t", Description: timed},
			want:  store.Video{Title: "t", Description: timed, Chapters: check.FromText(timed)},
		},
		{
			name:   "timestamps that go take the chapters along",
			before: store.Video{Description: timed, Chapters: check.FromText(timed)},
			after:  store.Video{Title: "t", Description: "none", Chapters: check.FromText(timed)},
			want:   store.Video{Title: "t", Description: "none"},
		},
		{
			name:   "own chapters stay",
			before: store.Video{Chapters: own},
			after:  store.Video{Title: "t", Description: timed, Chapters: own},
			want:   store.Video{Title: "t", Description: timed, Chapters: own},
		},
		{name: "no title", after: store.Video{Title: "\x07"}, err: "title"},
		{name: "language", after: store.Video{Title: "t", Language: "no such"}, err: "language"},
		{name: "tag", after: store.Video{Title: "t", Tags: []string{strings.Repeat("x", 99)}}, err: "tag"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := check.Edited(tt.before, tt.after)
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("got %v", err)
				}
				return
			}
			if diff := cmp.Diff(tt.want, got); err != nil || diff != "" {
				t.Error(err, diff)
			}
		})
	}
}
