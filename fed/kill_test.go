package fed_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
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

// TestChild is the process that TestKilled kills.
func TestChild(t *testing.T) {
	data := os.Getenv("TUBELET_TEST_CHILD")
	if data == "" {
		return // only asked for by TestKilled
	}
	s, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	f, err := fed.New(t.Context(), config(data, s, slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
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
