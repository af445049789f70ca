//go:build bench

package figures_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

// What package fed/deliver has its stubs listen on.
const (
	stubHosts   = 2000
	followersAt = 5
	stubPort    = 18700
	stubControl = "127.0.0.1:18701"
)

// TestFigureDelivering measures how long a watch page takes while a new video goes to 10,000
// followers on 2,000 hosts, against the same page before. Asked: the 95th percentile at most
// twice as long. The hosts speak TLS in a process of their own, on the same cores.
func TestFigureDelivering(t *testing.T) {
	bin, certificates := build(t), t.TempDir()
	stubs := filepath.Join(t.TempDir(), "stubs")
	run(t, "go", "test", "-c", "-tags", "bench", "-o", stubs, "github.com/tubelet/tubelet/fed/deliver")
	t.Setenv("TUBELET_BENCH_STUBS", certificates)
	c := exec.Command(stubs, "-test.run=^TestStubs$", "-test.timeout=1h")
	check(t, c.Start())
	defer c.Wait()
	defer http.Get("http://" + stubControl + "/end")
	t.Setenv("SSL_CERT_FILE", filepath.Join(certificates, "ca.pem"))
	data, id := seed(t)
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(data, "tubelet.db"))
	check(t, err)
	defer db.Close()
	check(t, db.SetSetting(ctx, "federation.private", "127.0.0.0/8"))
	toldAll(t, bin, data, db)
	check(t, db.Social().Together(ctx, false, func(s *social.Store) error { return follow(ctx, s) }))
	for deadline := time.Now().Add(time.Minute); arrived() < 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the stubs do not come up")
		}
	}
	we, _ := start(t, ours, "/about", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	waitQuiet(t, db)
	before := percentile(t, "/w/"+id, func() bool { return false })
	http.Get("http://" + stubControl + "/reset")
	check(t, db.CreateVideo(ctx, store.NewVideo{Video: video(videos)}))
	began := time.Now()
	for arrived() < 1 && time.Since(began) < time.Minute {
		time.Sleep(20 * time.Millisecond)
	}
	meanwhile := percentile(t, "/w/"+id, func() bool { return arrived() > stubHosts*9/10 })
	t.Logf("watch page, 95th percentile: %.2f ms before, %.2f ms while %d deliveries went out; %.2f times (asked: at most 2)", before, meanwhile, arrived(), meanwhile/before)
}

// toldAll has the server tell of the videos there are while nobody follows: else a new crowd of
// followers is sent a thousand of them.
func toldAll(t *testing.T, bin, data string, db *store.Store) {
	we, _ := start(t, ours, "/about", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	waitQuiet(t, db)
}

// waitQuiet waits until what a new channel has to tell was put on its way and has arrived.
func waitQuiet(t *testing.T, db *store.Store) {
	for deadline := time.Now().Add(3 * time.Minute); ; time.Sleep(200 * time.Millisecond) {
		news, err := db.Social().News(t.Context())
		check(t, err)
		waiting, failed, err := db.Social().Queue(t.Context())
		check(t, err)
		if len(news) == 0 && waiting == failed {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d pieces of news and %d deliveries still wait", len(news), waiting-failed)
		}
	}
}

// follow has everybody on the stubs follow.
func follow(ctx context.Context, s *social.Store) error {
	for i := range stubHosts * followersAt {
		at := i % stubHosts
		host := fmt.Sprintf("127.1.%d.%d:%d", at/200, 1+at%200, stubPort)
		uri := fmt.Sprintf("https://%s/users/%d", host, i)
		id, err := s.SaveActor(ctx, social.Actor{URI: uri, Host: host, KeyID: uri, Inbox: uri + "/inbox", SharedInbox: "https://" + host + "/inbox", FetchedAt: time.Now()})
		if err != nil {
			return err
		}
		if _, err := s.Follow(ctx, social.Person, id, uri, true, time.Now()); err != nil {
			return err
		}
	}
	return nil
}

// arrived asks the stubs how much they got, -1 while they are not there.
func arrived() (n int) {
	answer, err := http.Get("http://" + stubControl + "/")
	if err != nil {
		return -1
	}
	defer answer.Body.Close()
	if _, err := fmt.Fscan(answer.Body, &n); err != nil {
		return -1
	}
	return n
}

// percentile asks for a page every 10 ms, for ten seconds or until done, and returns the 95th
// percentile in milliseconds.
func percentile(t *testing.T, path string, done func() bool) float64 {
	t.Helper()
	var took []float64
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end) && (len(took)%20 != 19 || !done()); time.Sleep(10 * time.Millisecond) {
		took = append(took, timed(t, path))
	}
	slices.Sort(took)
	return took[len(took)*95/100]
}

// timed asks for a page and returns how long the whole answer took, in milliseconds.
func timed(t *testing.T, path string, headers ...string) float64 {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, "http://"+ours+path, nil)
	check(t, err)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	began := time.Now()
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	_, err = io.Copy(io.Discard, answer.Body)
	check(t, err)
	answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		t.Fatalf("%s answers %d", path, answer.StatusCode)
	}
	return time.Since(began).Seconds() * 1000
}

// TestFigureCrowd measures what pages and the inbox ask of the store with 100,000 followers and
// 1,000,000 likes in it. Asked: nothing takes more than 20 ms. Pages and objects are made anew
// for each request, by a commit before it.
func TestFigureCrowd(t *testing.T) {
	bin := build(t)
	data, id := seed(t)
	ctx := t.Context()
	file := filepath.Join(data, "tubelet.db")
	db, err := store.Open(ctx, file)
	check(t, err)
	defer db.Close()
	toldAll(t, bin, data, db)
	crowd(t, file)
	we, _ := start(t, ours, "/about", bin, "serve", "--data", data, "--local", "--listen", ours)
	defer we.stop()
	const rounds = 21
	for _, path := range []string{"/", "/w/" + id, "/users/bench", "/videos/" + id, "/videos/" + id + "/likes", "/users/bench/followers", "/users/bench/outbox?page=1"} {
		var took []float64
		for i := range rounds {
			check(t, db.SetSetting(ctx, "license", fmt.Sprint("X", i%2)))
			time.Sleep(20 * time.Millisecond)
			accept := "text/html"
			if i := len("/users"); len(path) > i && (path[:i] == "/users" || path[:i] == "/video") {
				accept = "application/activity+json"
			}
			took = append(took, timed(t, path, "Accept", accept))
		}
		t.Logf("GET %s: median %.1f ms, worst %.1f ms", path, median(took), slices.Max(took))
	}
	for name, ask := range asked(ctx, db.Social(), id) {
		var took []float64
		for i := range rounds {
			began := time.Now()
			check(t, ask(i))
			took = append(took, time.Since(began).Seconds()*1000)
		}
		t.Logf("%s: median %.2f ms, worst %.1f ms (asked: at most 20 ms)", name, median(took), slices.Max(took))
	}
}

// asked is what pages and the inbox ask, and store, by name.
func asked(ctx context.Context, s *social.Store, video string) map[string]func(i int) error {
	uri := func(i int) string { return fmt.Sprintf("https://h%d.example/users/%d", (1000+i)%2000, 1000+i) }
	return map[string]func(i int) error{
		"counts of a video":      func(int) error { _, err := s.Counts(ctx, video); return err },
		"number of followers":    func(int) error { _, _, err := s.Followers(ctx, social.Person, 0, 1); return err },
		"a page of followers":    func(int) error { _, _, err := s.Followers(ctx, social.Person, 50_000, 50); return err },
		"a page of likes":        func(int) error { _, err := s.Reactions(ctx, video, "like", 0, 50); return err },
		"an actor":               func(i int) error { _, err := s.Actor(ctx, uri(i)); return err },
		"an actor's key":         func(i int) error { _, err := s.ActorByKey(ctx, uri(i)+"#main-key"); return err },
		"followers of a domain":  func(int) error { _, err := s.FollowersAt(ctx, social.Person, "h7.example"); return err },
		"the lanes of the inbox": func(int) error { _, err := s.InboxLanes(ctx); return err },
		"take in an activity": func(i int) error {
			_, err := s.Receive(ctx, []social.Received{{Activity: fmt.Sprint(uri(i), "/new/", i), Actor: uri(i), Host: "h1.example", Body: []byte("{}")}}, time.Now())
			return err
		},
		"count a boost": func(i int) error {
			return s.React(ctx, social.Reaction{Activity: fmt.Sprint(uri(i), "/boost"), Actor: int64(1000 + i), Kind: "boost", Video: video, At: time.Now()})
		},
		"take a like back": func(i int) error { return s.Unreact(ctx, fmt.Sprintf("%s/like/%s", uri(i), video), uri(i)) },
		"follow again": func(i int) error {
			_, err := s.Follow(ctx, social.Person, int64(1000+i), uri(i)+"/follow2", true, time.Now())
			return err
		},
	}
}

// crowd writes 100,000 followers, each of whom likes ten videos.
func crowd(t *testing.T, file string) {
	t.Helper()
	db, err := lite.Connect(file, 1, "")
	check(t, err)
	defer db.Close()
	for _, statement := range []string{
		`with recursive n (i) as (select 1 union all select i + 1 from n where i < 100000)
			insert into actors (id, uri, kind, acct, host, domain, name, url, inbox, shared_inbox, key_id, key_pem, avatar_url, avatar, fetched_at)
			select i, 'https://h' || (i % 2000) || '.example/users/' || i, 'Person', '@u' || i || '@h' || (i % 2000) || '.example', 'h' || (i % 2000) || '.example', 'h' || (i % 2000) || '.example', 'U', '',
				'https://h' || (i % 2000) || '.example/users/' || i || '/inbox', 'https://h' || (i % 2000) || '.example/inbox',
				'https://h' || (i % 2000) || '.example/users/' || i || '#main-key', '', '', '', unixepoch() * 1000 from n`,
		`insert into followers (target, actor, follow, asked_at, accepted_at) select 'person', id, uri || '/follow', id, id from actors`,
		`insert into reactions (activity, actor, kind, video, emoji, at) select a.uri || '/like/' || v.id, a.id, 'like', v.id, '', a.id
			from (select id from videos order by published_at limit 10) v, actors a`,
	} {
		_, err := db.ExecContext(t.Context(), statement)
		check(t, err)
	}
	likes, err := lite.All(t.Context(), db, lite.Value[int], "select count(*) from reactions")
	check(t, err)
	t.Logf("%d likes", likes[0])
}
