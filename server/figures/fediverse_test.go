//go:build bench

package figures_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// TestFigureObjects measures what other servers ask for: actor, video object, outbox page.
// Asked: at least 3000 a second, with the load on the same cores. The counterpart is the
// watch page of the same video.
func TestFigureObjects(t *testing.T) {
	bin := build(t)
	data, id := seed(t)
	we, _ := start(t, ours, "/about", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	paths := []string{"/users/bench", "/videos/" + id, "/users/bench/outbox?page=1", "/.well-known/webfinger?resource=acct:bench@" + ours}
	rates := map[string][]float64{}
	for range rounds {
		rates["watch page"] = append(rates["watch page"], requests(t, ours, "/w/"+id))
		for _, path := range paths {
			n := load(t, ours, func(w io.Writer) {
				fmt.Fprintf(w, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/activity+json\r\nAccept-Encoding: gzip\r\n\r\n", path, ours)
			}, 200)
			rates[path] = append(rates[path], float64(n)/lap.Seconds())
		}
	}
	for _, path := range append(paths, "watch page") {
		t.Logf("%s: %.0f requests a second, median of %d rounds (asked of objects: at least 3000)", path, median(rates[path]), rounds)
	}
}

// TestFigureComments measures the first page of 5000 comments when it is made anew: after a
// commit, from the request to the whole answer. Asked: at most 20 ms. In one video they are
// in threads of ten, in the other all under one.
func TestFigureComments(t *testing.T) {
	const many, thread = 5000, 10
	bin := build(t)
	data, id := seed(t)
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	check(t, err)
	defer db.Close()
	list, _, err := db.Videos(ctx, store.List{Limit: 3})
	check(t, err)
	threads, one := list[0].ID, list[1].ID
	if slices.Contains([]string{threads, one}, id) {
		one = list[2].ID
	}
	for video, size := range map[string]int{threads: thread, one: many} {
		check(t, db.Social().Together(ctx, true, func(s *social.Store) error { return write(ctx, s, video, many, size) }))
	}
	we, _ := start(t, ours, "/about", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	for name, path := range map[string]string{"threads of ten": "/w/" + threads + "/comments", "one thread": "/w/" + one + "/comments", "watch page, threads of ten": "/w/" + threads} {
		var took []float64
		for i := range 30 {
			check(t, db.SetSetting(ctx, "license", fmt.Sprint("X", i%2)))
			time.Sleep(20 * time.Millisecond)
			begin := time.Now()
			answer, err := http.Get("http://" + ours + path)
			check(t, err)
			_, err = io.Copy(io.Discard, answer.Body)
			check(t, err)
			answer.Body.Close()
			took = append(took, time.Since(begin).Seconds()*1000)
		}
		t.Logf("%d comments, %s: first page made anew in %.1f ms, median of %d; worst %.1f ms (asked: at most 20 ms)", many, name, median(took), len(took), slices.Max(took))
	}
}

// write stores comments in threads of a size, each answer under the one before or under the first.
func write(ctx context.Context, s *social.Store, video string, many, size int) error {
	var first, last int64
	for i := range many {
		parent := last
		if i%size == 0 {
			parent = 0
		} else if i%3 == 0 || size > 100 {
			parent = first
		}
		uri := fmt.Sprintf("https://social.example/%s/%d", video, i)
		id, _, err := s.AddComment(ctx, social.Comment{
			Video: video, Parent: parent, URI: uri, URL: uri, Name: fmt.Sprint("Viewer ", i), Acct: fmt.Sprintf("@v%d@social.example", i), State: social.Shown,
			HTML: "<p>At 1:23 the vise is turned round: why is that? A few more words.</p>", PublishedAt: time.Now().Add(-time.Duration(many-i) * time.Minute),
		})
		if err != nil {
			return err
		}
		if last = id; parent == 0 {
			first = id
		}
	}
	return nil
}
