package web

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const shown, secret = "aaaaaaaaaa", "bbbbbbbbbb"

// fixture is a channel with 61 videos, one of them unlisted and never told of.
type fixture struct {
	db  *store.Store
	mux *http.ServeMux
	err error // of the last request
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	db, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	channel := store.Channel{Handle: "workshop", Domain: "video.example", Name: "The Small Workshop", CreatedAt: time.Now()}
	if err := db.CreateChannel(t.Context(), channel); err != nil {
		t.Fatal(err)
	}
	for i := range 61 {
		v := store.Video{ID: store.NewID(), Title: "A video", Visibility: store.Public, CreatedAt: time.Now()}
		switch i {
		case 0:
			v.ID = shown
		case 1:
			v.ID, v.Visibility = secret, store.Unlisted
		}
		v.Media = store.Media{Rev: 1, State: store.Done, Duration: time.Minute, Renditions: []store.Rendition{{Height: 360, File: "360p.mp4", Playlist: "360p.m3u8"}}}
		if err := db.CreateVideo(t.Context(), store.NewVideo{Video: v}); err != nil {
			t.Fatal(err)
		}
	}
	f := &fixture{db: db, mux: http.NewServeMux()}
	w := New(Config{
		Store: db, Version: "1.2.3",
		Site: func(ctx context.Context) (vocab.Site, error) {
			c, err := db.Channel(ctx)
			return vocab.Site{Channel: c, HTML: func(text string) string { return text }, PublicPEM: "PEM"}, err
		},
		Facts: func(context.Context, store.Video) (vocab.Facts, error) { return vocab.Facts{}, nil },
	})
	for _, routes := range []map[string]func(context.Context, *http.Request) (Document, error){w.Open(), w.Objects()} {
		for pattern, make := range routes {
			f.mux.HandleFunc(pattern, func(out http.ResponseWriter, r *http.Request) {
				var d Document
				if d, f.err = make(r.Context(), r); f.err == nil {
					out.Header().Set("Content-Type", d.Type)
					_, _ = out.Write(d.Body)
				}
			})
		}
	}
	return f
}

// get returns what is at an address, read as everybody reads it.
func (f *fixture) get(t *testing.T, path string) vocab.Object {
	t.Helper()
	answer := httptest.NewRecorder()
	f.mux.ServeHTTP(answer, httptest.NewRequest("GET", path, nil))
	if f.err != nil {
		return nil
	}
	object, err := vocab.Parse(answer.Body.Bytes())
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return object
}

func TestWebFinger(t *testing.T) {
	f := newFixture(t)
	person, group := "https://video.example/users/workshop", "https://video.example/users/workshop_channel"
	for _, c := range []struct{ resource, subject, actor string }{
		{"acct:workshop@video.example", "acct:workshop@video.example", person},
		{"ACCT:WorkShop@Video.Example", "acct:workshop@video.example", person},
		{"acct:workshop_channel@video.example", "acct:workshop_channel@video.example", group},
		{person, "acct:workshop@video.example", person},
		{group, "acct:workshop_channel@video.example", group},
		{"https://video.example/", "acct:workshop@video.example", person},
		{"acct:workshop@elsewhere.example", "", ""},
		{"acct:nobody@video.example", "", ""},
		{"acct:workshop@video.example.", "", ""},
		{"acct:workshop", "", ""},
		{"", "", ""},
		{"https://video.example/users/nobody", "", ""},
	} {
		// As software writes it: everything escaped, as GoToSocial does, or nothing.
		for _, query := range []string{url.QueryEscape(c.resource), strings.ReplaceAll(c.resource, "@", "%40"), c.resource} {
			object := f.get(t, "/.well-known/webfinger?resource="+query)
			if c.actor == "" {
				if !errors.Is(f.err, store.ErrNotFound) {
					t.Errorf("%q: %v, want not found", query, f.err)
				}
				continue
			}
			var self string
			for _, link := range object.Inners("links") {
				if link.Text("rel") == "self" && link.Text("type") == "application/activity+json" {
					self = link.Text("href")
				}
			}
			if object.Text("subject") != c.subject || self != c.actor {
				t.Errorf("%q: %s, %s; want %s, %s", query, object.Text("subject"), self, c.subject, c.actor)
			}
		}
	}
}

func TestNodeInfo(t *testing.T) {
	f := newFixture(t)
	links := f.get(t, "/.well-known/nodeinfo").Inners("links")
	if len(links) != 3 || links[2].Text("href") != "https://video.example/users/workshop_channel" {
		t.Errorf("links %v", links)
	}
	for _, version := range []string{"2.0", "2.1"} {
		info := f.get(t, "/nodeinfo/"+version)
		software, _ := info.Inner("software")
		usage, _ := info.Inner("usage")
		if info.Text("version") != version || software.Text("name") != "tubelet" || software.Text("version") != "1.2.3" || usage["localPosts"] != json.Number("60") {
			t.Errorf("%s: %v", version, info)
		}
	}
	if f.get(t, "/nodeinfo/1.0"); !errors.Is(f.err, store.ErrNotFound) {
		t.Errorf("version 1.0: %v", f.err)
	}
}

func TestHostMeta(t *testing.T) {
	f := newFixture(t)
	answer := httptest.NewRecorder()
	f.mux.ServeHTTP(answer, httptest.NewRequest("GET", "/.well-known/host-meta", nil))
	if kind, body := answer.Header().Get("Content-Type"), answer.Body.String(); !strings.HasPrefix(kind, "application/xrd+xml") ||
		!strings.Contains(body, `template="https://video.example/.well-known/webfinger?resource={uri}"`) {
		t.Errorf("%s: %s", kind, body)
	}
}

// TestOutbox reads the whole catalogue as PeerTube does: first, next, to the end.
func TestOutbox(t *testing.T) {
	f := newFixture(t)
	for _, actor := range []struct{ path, kind string }{{"/users/workshop", "Create"}, {"/users/workshop_channel", "Announce"}} {
		outbox := f.get(t, actor.path+"/outbox")
		if outbox["totalItems"] != json.Number("60") {
			t.Errorf("%s has %v", actor.path, outbox["totalItems"])
		}
		seen := map[string]bool{}
		pages := 0
		for next := outbox.Ref("first"); next != ""; pages++ {
			page := f.get(t, strings.TrimPrefix(next, "https://video.example"))
			if page.ID() != next || page.Ref("partOf") != outbox.ID() {
				t.Errorf("%s is %s, part of %s", next, page.ID(), page.Ref("partOf"))
			}
			for _, item := range page.Inners("orderedItems") {
				if item.Type() != actor.kind || item["@context"] != nil {
					t.Errorf("%s holds a %s", next, item.Type())
				}
				seen[item.Ref("object")] = true
			}
			next = page.Ref("next")
		}
		if pages != 2 || len(seen) != 60 || seen["https://video.example/videos/"+secret] {
			t.Errorf("%s: %d pages, %d videos", actor.path, pages, len(seen))
		}
	}
	for _, page := range []string{"0", "-1", "x", "2001", "99999999999999999999"} {
		if f.get(t, "/users/workshop/outbox?page="+page); !errors.Is(f.err, store.ErrNotFound) {
			t.Errorf("page %s: %v", page, f.err)
		}
	}
}

// TestCollections looks at what is told about a video, and that nobody is told who.
func TestCollections(t *testing.T) {
	f := newFixture(t)
	ctx, now := t.Context(), time.Now()
	actor, err := f.db.Social().SaveActor(ctx, social.Actor{URI: "https://a.example/u", Acct: "@u@a.example", Host: "a.example", FetchedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"like", "boost"} {
		if err := f.db.Social().React(ctx, social.Reaction{Activity: "https://a.example/" + kind, Actor: actor, Kind: kind, Video: shown, At: now}); err != nil {
			t.Fatal(err)
		}
	}
	var parent int64
	for i, state := range []social.State{social.Shown, social.Shown, social.Held} {
		uri := "https://a.example/notes/" + string(rune('1'+i))
		id, _, err := f.db.Social().AddComment(ctx, social.Comment{Video: shown, Parent: parent, Actor: actor, URI: uri, State: state, PublishedAt: now})
		if err != nil {
			t.Fatal(err)
		}
		parent = id
	}
	for path, want := range map[string]string{
		"/videos/" + shown + "/likes":           "1 hidden",
		"/videos/" + shown + "/shares?page=1":   "1 https://a.example/boost",
		"/videos/" + shown + "/replies?page=1":  "2 https://a.example/notes/1",
		"/videos/" + shown + "/comments?page=1": "2 https://a.example/notes/2 https://a.example/notes/1",
		"/videos/" + shown + "/context?page=1":  "2 https://a.example/notes/2 https://a.example/notes/1",
		"/users/workshop/followers":             "0 hidden",
	} {
		object := f.get(t, path)
		got := object["totalItems"].(json.Number).String() + " " + strings.Join(object.Refs("orderedItems"), " ")
		if object["first"] == nil && object["orderedItems"] == nil {
			got = object["totalItems"].(json.Number).String() + " hidden"
		}
		if got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

// TestGone looks at ids of what was told of and is there no more, and of what never was.
func TestGone(t *testing.T) {
	f := newFixture(t)
	if f.get(t, "/videos/"+secret); !errors.Is(f.err, store.ErrNotFound) {
		t.Errorf("an unlisted video: %v", f.err)
	}
	now := time.Now()
	told := social.Told{Video: shown, EditedAt: now, ToldAt: now}
	if err := f.db.Social().Tell(t.Context(), social.News{Video: shown}, told); err != nil {
		t.Fatal(err)
	}
	if err := f.db.DeleteVideo(t.Context(), shown); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/videos/" + shown, "/videos/" + shown + "/likes", "/activities/create/" + shown} {
		f.get(t, path)
		gone, ok := errors.AsType[*GoneError](f.err)
		if !ok {
			t.Errorf("%s: %v, want gone", path, f.err)
			continue
		}
		if object, err := vocab.Parse(gone.Body); err != nil || object.Type() != "Tombstone" || object.ID() != "https://video.example/videos/"+shown {
			t.Errorf("%s: %v %v", path, object, err)
		}
	}
	if err := f.db.Social().Retire(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	if f.get(t, "/users/workshop"); !errors.As(f.err, new(*GoneError)) {
		t.Errorf("the actor of a channel that has ended: %v", f.err)
	}
}

func TestWants(t *testing.T) {
	for accept, want := range map[string]bool{
		"": false, "*/*": false, "text/html,application/xhtml+xml,*/*;q=0.8": false, "application/json": false,
		"application/activity+json": true, "application/activity+json, application/ld+json": true,
		`application/ld+json; profile="https://www.w3.org/ns/activitystreams"`: true,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("Accept", accept)
		if Wants(r) != want {
			t.Errorf("%q: %v", accept, !want)
		}
	}
}

// Numbers are easily guessed: they must not lead to the address of a video that is not listed.
func TestSecretAddresses(t *testing.T) {
	f := newFixture(t)
	id, _, err := f.db.Social().AddComment(t.Context(), social.Comment{Video: secret, State: social.Shown, URI: "https://video.example/comments/1", PublishedAt: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	quote, err := f.db.Social().AllowQuote(t.Context(), social.Quote{Quote: "https://peer.example/1", Video: secret}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	w := New(Config{Store: f.db})
	for _, path := range []string{fmt.Sprintf("/comments/%d", id), fmt.Sprintf("/comments/%d/replies", id), fmt.Sprintf("/quotes/%d", quote)} {
		if f.get(t, path); !errors.Is(f.err, store.ErrNotFound) {
			t.Errorf("%s for programs: %v", path, f.err)
		}
		r := httptest.NewRequest("GET", path, nil)
		r.SetPathValue("number", strings.Split(path, "/")[2])
		if _, err := w.People(t.Context(), r); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s for people: %v", path, err)
		}
	}
}

// What is pinned is featured, the latest pinned first; while nothing is, the newest videos are.
func TestFeatured(t *testing.T) {
	f := newFixture(t)
	featured := func() []string { return f.get(t, "/users/workshop/featured").Refs("orderedItems") }
	if got := featured(); len(got) != 3 {
		t.Errorf("%d are featured", len(got))
	}
	list, _, err := f.db.Videos(t.Context(), store.List{Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i, id := range []string{shown, list[0].ID, list[1].ID} {
		if err := f.db.Pin(t.Context(), id, time.Unix(int64(1e9+i), 0)); err != nil {
			t.Fatal(err)
		}
		want = append([]string{"https://video.example/videos/" + id}, want...)
	}
	if got := featured(); !slices.Equal(got, want) {
		t.Errorf("%q are featured, want %q", got, want)
	}
	if got := f.get(t, "/users/workshop_channel/featured").Refs("orderedItems"); !slices.Equal(got, want) {
		t.Errorf("of the group %q, want %q", got, want)
	}
}

// Who follows is told to nobody, or, if the creator wants that, page by page.
func TestFollowers(t *testing.T) {
	f := newFixture(t)
	want := map[string]bool{}
	err := f.db.Social().Together(t.Context(), false, func(s *social.Store) error {
		for i := range 120 {
			uri := fmt.Sprintf("https://a.example/u%d", i)
			id, err := s.SaveActor(t.Context(), social.Actor{URI: uri, Host: "a.example", KeyID: uri, FetchedAt: time.Now()})
			if err != nil {
				return err
			}
			accepted := i != 0 // the first only asks
			if _, err := s.Follow(t.Context(), social.Person, id, uri, accepted, time.Now()); err != nil {
				return err
			}
			want[uri] = accepted
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	const path, base = "/users/workshop/followers", "https://video.example"
	if o := f.get(t, path); o["first"] != nil || o["totalItems"] != json.Number("119") {
		t.Errorf("%v", o)
	}
	for _, page := range []string{"1", "3"} {
		if f.get(t, path+"?page="+page); !errors.Is(f.err, store.ErrNotFound) {
			t.Errorf("page %s of a hidden list: %v", page, f.err)
		}
	}
	if err := f.db.SetSetting(t.Context(), "federation.lists", "on"); err != nil {
		t.Fatal(err)
	}
	seen, pages := map[string]bool{}, 0
	for next := f.get(t, path).Ref("first"); next != ""; pages++ {
		page := f.get(t, strings.TrimPrefix(next, base))
		for _, id := range page.Refs("orderedItems") {
			if !want[id] || seen[id] {
				t.Errorf("%s follows, says %s", id, next)
			}
			seen[id] = true
		}
		next = page.Ref("next")
	}
	if len(seen) != 119 || pages != 3 {
		t.Errorf("%d followers on %d pages", len(seen), pages)
	}
	if o := f.get(t, "/users/workshop_channel/followers?page=1"); o == nil || len(o.Refs("orderedItems")) != 0 {
		t.Errorf("of the group: %v", o)
	}
	if o := f.get(t, "/users/workshop/following"); o["first"] == nil || o["totalItems"] != json.Number("0") {
		t.Errorf("following: %v", o)
	}
}

// A quote of an answer of the creator's is allowed as one of a video is, as long as both are there.
func TestQuoteOfAnswer(t *testing.T) {
	f := newFixture(t)
	people, now := f.db.Social(), time.Now()
	comment, _, err := people.AddComment(t.Context(), social.Comment{Video: shown, State: social.Shown, URI: "https://video.example/comments/1", HTML: "x", PublishedAt: now})
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range []struct {
		social.Quote
		target string
	}{
		{social.Quote{Quote: "https://peer.example/1", Actor: "a", Video: shown}, "https://video.example/videos/" + shown},
		{social.Quote{Quote: "https://peer.example/2", Actor: "a", Video: shown, Comment: comment}, fmt.Sprintf("https://video.example/comments/%d", comment)},
	} {
		number, err := people.AllowQuote(t.Context(), q.Quote, now)
		if err != nil {
			t.Fatal(err)
		}
		again, err := people.AllowQuote(t.Context(), q.Quote, now)
		if err != nil || again != number {
			t.Errorf("again it is %d, not %d, %v", again, number, err)
		}
		other := q.Quote
		other.Actor = "b"
		if _, err := people.AllowQuote(t.Context(), other, now); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another actor's quote: %v", err)
		}
		if o := f.get(t, fmt.Sprintf("/quotes/%d", number)); o.Ref("interactionTarget") != q.target || o.Ref("interactingObject") != q.Quote.Quote {
			t.Errorf("%v", o)
		}
	}
	if err := people.DeleteComment(t.Context(), "https://video.example/comments/1", ""); err != nil {
		t.Fatal(err)
	}
	if f.get(t, "/quotes/2"); !errors.Is(f.err, store.ErrNotFound) {
		t.Errorf("of an answer that is gone: %v", f.err)
	}
}
