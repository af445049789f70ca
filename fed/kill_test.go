package fed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// TestChild is the process that TestKilled and TestKilledAmongFive kill.
func TestChild(t *testing.T) {
	data := os.Getenv("TUBELET_TEST_CHILD")
	if data == "" {
		return // only asked for by those
	}
	s, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := fed.New(t.Context(), config(data, s, slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	if at := os.Getenv("TUBELET_TEST_LISTEN"); at != "" {
		listener, err := net.Listen("tcp", at)
		if err != nil {
			t.Fatal(err)
		}
		mux := http.NewServeMux()
		route(mux, f)
		go func() { _ = http.Serve(listener, mux) }()
	}
	_ = f.Run(context.Background()) // until the kill
}

// Killed at any moment while it delivers, a channel loses nothing: everybody gets every
// activity, and what comes twice has the same id and is the same.
func TestKilled(t *testing.T) {
	const hosts, videos = 12, kills + 2
	a := newTubelet(t, "ada")
	var mu sync.Mutex
	got := map[string]map[string]string{} // by host and id
	all := 0
	people := a.store.Social()
	for i := range hosts {
		got[fmt.Sprint(i)] = map[string]string{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			body, err := io.ReadAll(r.Body)
			var o vocab.Object
			if err == nil {
				err = json.Unmarshal(body, &o)
			}
			if err != nil {
				return // the child was killed in the middle
			}
			mu.Lock()
			defer mu.Unlock()
			all++
			mine := got[fmt.Sprint(i)]
			if before, twice := mine[o.ID()]; twice && before != string(body) {
				t.Errorf("%s came twice, and different", o.ID())
			}
			mine[o.ID()] = string(body)
			w.WriteHeader(http.StatusAccepted)
		}))
		t.Cleanup(server.Close)
		host := server.Listener.Addr().String()
		id, err := people.SaveActor(t.Context(), social.Actor{URI: server.URL + "/u", Host: host, KeyID: host, Inbox: server.URL + "/inbox", SharedInbox: server.URL + "/inbox", FetchedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := people.Follow(t.Context(), social.Person, id, host, true, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	count := func() int { mu.Lock(); defer mu.Unlock(); return all }
	for range videos {
		a.publish(t, "A film")
	}
	for kill := range kills {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), "TUBELET_TEST_CHILD="+a.data)
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		// A little further each time, wherever that is.
		waitFor(t, "some deliveries", func() bool { return count() >= (kill+1)*hosts })
		_ = child.Process.Kill()
		_ = child.Wait()
	}
	a.run(t)
	waitFor(t, "an empty queue", func() bool {
		news, err := people.News(t.Context())
		queued, _, err2 := people.Queue(t.Context())
		return err == nil && err2 == nil && len(news) == 0 && queued == 0
	})
	mu.Lock()
	defer mu.Unlock()
	for host, mine := range got {
		if len(mine) != videos {
			t.Errorf("host %s has %d of %d", host, len(mine), videos)
		}
	}
	t.Logf("%d kills; %d deliveries of %d", kills, all, hosts*videos)
}

// Five channels that talk with each other, of which one is killed again and again, while it takes in
// and while it delivers. Nothing that was said to it or by it is lost, and nothing counts twice.
func TestKilledAmongFive(t *testing.T) {
	ctx := t.Context()
	free := httptest.NewServer(nil)
	free.Close()
	a := newTubeletOn(t, "ada", ground{listen: func(http.Handler) string { return free.Listener.Addr().String() }}) // which its child serves
	start := func() *exec.Cmd {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), "TUBELET_TEST_CHILD="+a.data, "TUBELET_TEST_LISTEN="+free.Listener.Addr().String())
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		return child
	}
	child := start()
	t.Cleanup(func() {
		_ = child.Process.Kill()
		_ = child.Wait()
	})
	const n = 4
	var others []*tubelet
	for i := range n {
		b := newTubelet(t, fmt.Sprint("fan", i))
		b.run(t)
		b.says(t, a, "Follow", a.person())
		others = append(others, b)
	}
	// What failed while the child was away is tried again at once, as by tubelet federation retry.
	until := func(what string, holds func() bool) {
		t.Helper()
		waitFor(t, what, func() bool {
			for _, b := range append(others, a) {
				if err := b.store.Social().Retry(ctx, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			return holds()
		})
	}
	until("all followers", func() bool {
		_, all, err := a.store.Social().Followers(ctx, social.Person, 0, 1)
		return err == nil && all == n
	})

	var films []string
	done := func() (all int) { // of what is said in all rounds
		for _, film := range films {
			counts := a.counts(t, film)
			all += int(counts.Likes + counts.Comments - 1)
		}
		for _, b := range others {
			all += b.took(t, a, "/activities/create/") + b.took(t, a, "/activities/create-comment/")
		}
		return all
	}
	const round = 4 * n // each likes and comments; a film and an answer come to each
	for kill := range kills {
		film := a.publish(t, "A film").ID
		if _, err := a.Reply(ctx, film, 0, "What do you think?"); err != nil {
			t.Fatal(err)
		}
		films = append(films, film)
		for _, b := range others {
			b.says(t, a, "Like", a.url+"/videos/"+film)
			b.says(t, a, "Create", b.serve(film, a.url+"/videos/"+film, "<p>Fine!</p>"))
		}
		until("some of it", func() bool { return done() >= kill*round+1+kill*(round-1)/kills }) // a little further each time
		_ = child.Process.Kill()
		_ = child.Wait()
		child = start()
	}
	until("all of it", func() bool {
		news, err := a.store.Social().News(ctx)
		waits, _ := a.waiting(t)
		return err == nil && len(news) == 0 && waits == 0 && done() >= kills*round
	})
	for _, b := range others {
		a.settled(t, b)
		until("an empty queue", func() bool { waits, _ := b.waiting(t); return waits == 0 })
		if films, answers := b.took(t, a, "/activities/create/"), b.took(t, a, "/activities/create-comment/"); films != kills || answers != kills {
			t.Errorf("%s took %d films and %d answers of %d", b.url, films, answers, kills)
		}
	}
	for _, film := range films {
		if got, want := a.counts(t, film), (social.Counts{Likes: n, Comments: n + 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
