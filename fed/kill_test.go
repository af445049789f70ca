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
	"strings"
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

// victim is a channel that runs in a process of its own.
type victim struct {
	*tubelet
	child *exec.Cmd
}

func newVictim(t *testing.T) *victim {
	free := httptest.NewServer(nil)
	free.Close()
	v := &victim{tubelet: newTubeletOn(t, "ada", ground{listen: func(http.Handler) string { return free.Listener.Addr().String() }})}
	v.start(t)
	t.Cleanup(v.kill)
	return v
}

func (v *victim) start(t *testing.T) {
	v.child = exec.Command(os.Args[0], "-test.run=^TestChild$")
	v.child.Env = append(os.Environ(), "TUBELET_TEST_CHILD="+v.data, "TUBELET_TEST_LISTEN="+strings.TrimPrefix(v.url, "http://"))
	if err := v.child.Start(); err != nil {
		t.Fatal(err)
	}
}

func (v *victim) kill() {
	_ = v.child.Process.Kill()
	_ = v.child.Wait()
}

// heard returns how much of what was said has come to the victim, and from it to the others.
func (v *victim) heard(t *testing.T, others []*tubelet, films []string) (all int) {
	for _, film := range films {
		counts := v.counts(t, film)
		all += int(counts.Likes + counts.Comments - 1) // one is its own
	}
	for _, b := range others {
		all += b.took(t, v.tubelet, "/activities/create/") + b.took(t, v.tubelet, "/activities/create-comment/")
	}
	return all
}

// Five channels that talk with each other, of which one is killed again and again, while it takes in
// and while it delivers. Nothing that was said to it or by it is lost, and nothing counts twice.
func TestKilledAmongFive(t *testing.T) {
	const n, round = 4, 4 * 4 // in a round each likes and comments, and a film and a word come to each
	ctx, a := t.Context(), newVictim(t)
	var others []*tubelet
	for i := range n {
		b := newTubelet(t, fmt.Sprint("fan", i))
		b.run(t)
		b.says(t, a.tubelet, "Follow", a.person())
		others = append(others, b)
	}
	// What failed while the victim was away is tried again at once, as by tubelet federation retry.
	retried := time.Now()
	until := func(what string, holds func() bool) {
		t.Helper()
		waitFor(t, what, func() bool {
			if held := holds(); held || time.Since(retried) < time.Second {
				return held
			}
			for _, b := range append(others, a.tubelet) {
				if err := b.store.Social().Retry(ctx, time.Now()); err != nil {
					t.Fatal(err)
				}
			}
			retried = time.Now()
			return false
		})
	}
	until("all followers", func() bool {
		_, all, err := a.store.Social().Followers(ctx, social.Person, 0, 1)
		return err == nil && all == n
	})

	var films []string
	for kill := range kills {
		film := a.publish(t, "A film").ID
		if _, err := a.Reply(ctx, film, 0, "What do you think?"); err != nil {
			t.Fatal(err)
		}
		films = append(films, film)
		for _, b := range others {
			b.says(t, a.tubelet, "Like", a.url+"/videos/"+film)
			b.says(t, a.tubelet, "Create", b.serve(film, a.url+"/videos/"+film, "<p>Fine!</p>"))
		}
		// A little further each time.
		until("some of it", func() bool { return a.heard(t, others, films) >= kill*round+1+kill*(round-1)/kills })
		a.kill()
		a.start(t)
	}
	until("all of it", func() bool { return a.heard(t, others, films) >= kills*round })
	for _, b := range append(others, a.tubelet) {
		a.settled(t, b)
		until("an empty queue", func() bool { waits, _ := b.waiting(t); return waits == 0 })
	}
	for _, b := range others {
		if films, words := b.took(t, a.tubelet, "/activities/create/"), b.took(t, a.tubelet, "/activities/create-comment/"); films != kills || words != kills {
			t.Errorf("%s took %d films and %d words of %d", b.url, films, words, kills)
		}
	}
	for _, film := range films {
		if got, want := a.counts(t, film), (social.Counts{Likes: n, Comments: n + 1}); got != want {
			t.Errorf("%+v, want %+v", got, want)
		}
	}
}
