package fed_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// thread serves a note with a collection of answers, page by page; a page's next is the last
// element when that is an address.
func (b *tubelet) thread(name, to string, pages ...[]string) vocab.Object {
	note := b.note(name, to, "<p>"+name+"</p>")
	note["replies"] = vocab.Object{"type": "Collection", "first": vocab.Object{"type": "CollectionPage", "next": b.url + "/pages/" + name + "/0", "items": []any{}}}
	b.mux.HandleFunc("GET /notes/"+name, func(w http.ResponseWriter, _ *http.Request) { answer(w, note) })
	for i, items := range pages {
		id := fmt.Sprintf("%s/pages/%s/%d", b.url, name, i)
		page := vocab.Object{"id": id, "type": "CollectionPage", "items": items, "next": fmt.Sprintf("%s/pages/%s/%d", b.url, name, (i+1)%len(pages))}
		b.mux.HandleFunc("GET "+strings.TrimPrefix(id, b.url), func(w http.ResponseWriter, _ *http.Request) { answer(w, page) })
	}
	return note
}

// An answer on a third server, of which we are not told, is found through the collection of what
// it answers. What such a collection claims is believed no further than any stranger.
func TestCrawl(t *testing.T) {
	a, b, c := newTubelet(t, "ada"), newTubelet(t, "bob"), newTubelet(t, "cem")
	stop := a.run(t)
	id := a.site(t).Video(a.publish(t, "A film").ID)
	answered := c.serve("1", b.url+"/notes/1", "<p>From afar</p>")
	elsewhere := c.serve("2", "https://far.example/notes/9", "<p>Of something else</p>")
	forged := c.note("3", b.url+"/notes/1", "<p>In another's name</p>")
	forged["attributedTo"] = b.person()
	c.mux.HandleFunc("GET /notes/3", func(w http.ResponseWriter, _ *http.Request) { answer(w, forged) })
	// Its pages go round, and one names an address of ours.
	note := b.thread("1", id, []string{answered.ID(), elsewhere.ID()}, []string{forged.ID(), id, "http://127.0.0.1:1/x"})
	b.post(t, a, b.does("Create", note))
	parent := a.waitComment(t, note.ID())
	stop()
	if err := a.Crawl(t.Context(), time.Now().Add(-24*time.Hour), time.Now()); err != nil {
		t.Fatal(err)
	}
	if n := a.counts(t, parent.Video).Comments; n != 1 {
		t.Errorf("%d comments before it is time", n)
	}
	if err := a.Crawl(t.Context(), time.Now(), time.Now().Add(time.Hour+time.Minute)); err != nil {
		t.Fatal(err)
	}
	found, err := a.store.Social().CommentByURI(t.Context(), answered.ID())
	if err != nil || found.Parent != parent.ID || found.Acct != "@cem@"+strings.TrimPrefix(c.url, "http://") {
		t.Errorf("%+v, %v", found, err)
	}
	if n := a.counts(t, parent.Video).Comments; n != 2 {
		t.Errorf("%d comments, want 2", n)
	}
}

// What fell due while the server was down is asked for at its start, and a clock that was ahead
// holds nothing up.
func TestCrawlCatchesUp(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	s, now := a.store.Social(), time.Now()
	video := a.publish(t, "A film")
	note := b.thread("1", a.site(t).Video(video.ID), []string{b.url + "/notes/2"})
	b.serve("2", note.ID(), "<p>Later</p>")
	id, err := s.SaveActor(t.Context(), social.Actor{URI: b.person(), Acct: "@bob@x.example", Host: strings.TrimPrefix(b.url, "http://"), FetchedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.AddComment(t.Context(), social.Comment{Video: video.ID, Actor: id, URI: note.ID(), HTML: "x", State: social.Shown, PublishedAt: now.Add(-90 * time.Minute)}); err != nil {
		t.Fatal(err)
	}
	if err := s.SetCrawled(t.Context(), now.Add(-2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	stop := a.run(t)
	a.waitComment(t, b.url+"/notes/2")
	stop()
	if err := s.SetCrawled(t.Context(), now.Add(1000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	a.run(t)
	waitFor(t, "the time put right", func() bool {
		at, err := s.Crawled(t.Context())
		return err == nil && time.Since(at).Abs() < time.Minute
	})
}

// Whose answer waited for approval hears that it has it.
func TestApproveReply(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	if err := a.store.SetSetting(t.Context(), "comments", "approve"); err != nil {
		t.Fatal(err)
	}
	id := a.site(t).Video(a.publish(t, "A film").ID)
	note := b.serve("1", id, "<p>May I?</p>")
	b.post(t, a, b.does("Create", note))
	comment := a.waitComment(t, note.ID())
	if comment.State != social.Held {
		t.Fatalf("the comment is %s", comment.State)
	}
	if err := a.ApproveComment(t.Context(), comment.ID); err != nil {
		t.Fatal(err)
	}
	host := strings.TrimPrefix(a.url, "http://")
	waitFor(t, "the approval", func() bool { return b.inboxHas(t, host, "ApproveReply", note.ID()) })
	got := b.queued(t, host)
	i := slices.IndexFunc(got, func(o vocab.Object) bool { return o.Type() == "ApproveReply" })
	if got[i].Ref("inReplyTo") != id || got[i].Ref("actor") != a.person() {
		t.Errorf("%v", got[i])
	}
}

// A note that was deleted while its Create waited for another try does not come back, and nobody
// keeps the address of what another of the same host is about to write.
func TestWhoseNote(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	id := a.site(t).Video(a.publish(t, "A film").ID)
	host, now := strings.TrimPrefix(b.url, "http://"), time.Now()
	gone := b.note("1", id, "<p>Never mind</p>")
	b.mux.HandleFunc("GET /notes/1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	s := a.store.Social()
	create := b.does("Create", gone)
	if _, err := s.Receive(t.Context(), []social.Received{{Activity: create.ID(), Actor: b.person(), Host: host, Body: encode(t, create)}}, now); err != nil {
		t.Fatal(err)
	}
	waiting, err := s.Next(t.Context(), host, now)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Later(t.Context(), waiting.ID, now, "its server was down"); err != nil {
		t.Fatal(err)
	}

	mallory, err := s.SaveActor(t.Context(), social.Actor{URI: b.url + "/users/mallory", Host: host, Acct: "@mallory@" + host, FetchedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	note := b.serve("2", id, "<p>Mine</p>")
	video := strings.TrimPrefix(id, a.url+"/videos/")
	if _, _, err := s.AddComment(t.Context(), social.Comment{Video: video, Actor: mallory, URI: note.ID(), HTML: "<p>taken</p>", State: social.Shown, PublishedAt: now}); err != nil {
		t.Fatal(err)
	}
	a.run(t)
	b.post(t, a, b.does("Create", note))
	waitFor(t, "the real note", func() bool {
		c, err := s.CommentByURI(t.Context(), note.ID())
		return err == nil && c.ActorURI == b.person() && c.HTML == "<p>Mine</p>"
	})
	a.settled(t, b)
	if c, err := s.CommentByURI(t.Context(), gone.ID()); err == nil {
		t.Errorf("what was deleted came back: %+v", c)
	}
}

// Who did nothing here is forgotten in time, and so are pictures that are nobody's.
func TestStrangersGo(t *testing.T) {
	a := newTubelet(t, "ada")
	s, old := a.store.Social(), time.Now().Add(-40*24*time.Hour)
	video := a.publish(t, "A film").ID
	for name, at := range map[string]time.Time{"old": old, "new": time.Now(), "fan": old} {
		id, err := s.SaveActor(t.Context(), social.Actor{URI: "https://x.example/" + name, Host: "x.example", Avatar: name + ".jpg", FetchedAt: at})
		if err != nil {
			t.Fatal(err)
		}
		if name == "fan" {
			if err := s.React(t.Context(), social.Reaction{Activity: "https://x.example/l", Actor: id, Kind: "like", Video: video, At: old}); err != nil {
				t.Fatal(err)
			}
		}
	}
	dir := filepath.Join(a.data, "cache", "avatars")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"old.jpg", "new.jpg", "fan.jpg", "nobody.jpg"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, old, old); err != nil {
			t.Fatal(err)
		}
	}
	a.run(t)
	left := func() string {
		files, _ := filepath.Glob(filepath.Join(dir, "*"))
		for i := range files {
			files[i] = filepath.Base(files[i])
		}
		return strings.Join(files, " ")
	}
	waitFor(t, "the sweep", func() bool { return left() == "fan.jpg new.jpg" })
	for name, want := range map[string]bool{"old": false, "new": true, "fan": true} {
		if _, err := s.Actor(t.Context(), "https://x.example/"+name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}
