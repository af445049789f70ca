package fed_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// received returns the activity of a kind that came from a channel and is about something.
func (b *tubelet) received(t *testing.T, from *tubelet, kind, about string) (found vocab.Object) {
	t.Helper()
	waitFor(t, kind+" of "+about, func() bool {
		for _, o := range b.queued(t, strings.TrimPrefix(from.url, "http://")) {
			inner, _ := o.Inner("object")
			if o.Type() == kind && (o.Ref("object") == about || inner.Ref("object") == about) {
				found = o
				return true
			}
		}
		return false
	})
	return found
}

func fails(t *testing.T, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%v, want %v", err, want)
	}
}

// The creator likes and boosts a comment, and takes both back.
func TestDeedsToComment(t *testing.T) {
	a, b, c := newTubelet(t, "ada"), newTubelet(t, "bob"), newTubelet(t, "cyd")
	a.run(t) // the others only take in
	ctx := t.Context()
	c.post(t, a, c.does("Follow", a.person()))
	c.received(t, a, "Accept", a.person())
	video := a.publish(t, "A film")
	note := b.note("1", a.site(t).Video(video.ID), "<p>Fine!</p>")
	b.post(t, a, b.does("Create", note))
	number := a.waitComment(t, note.ID()).ID
	do := func(kind string) social.Deed {
		t.Helper()
		deed, err := a.DoTo(ctx, kind, number)
		if err != nil {
			t.Fatal(err)
		}
		return deed
	}
	liked := do(fed.Like)
	like := b.received(t, a, "Like", note.ID())
	if like.Ref("actor") != a.person() || like.Ref("to") != b.person() {
		t.Errorf("%v", like)
	}
	_, err := a.DoTo(ctx, fed.Like, number)
	fails(t, err, store.ErrExists)
	boost := do(fed.Boost)
	for _, who := range []*tubelet{b, c} { // its author, and who follows
		if o := who.received(t, a, "Announce", note.ID()); !o.IsPublic() || o.ID() != a.url+"/activities/boost/"+boost.ID {
			t.Errorf("%v", o)
		}
	}
	if list, _, err := a.store.Comments(ctx, video.ID, 0, 5); err != nil || list[0].Likes != 1 || list[0].Boosts != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if c.inboxHas(t, strings.TrimPrefix(a.url, "http://"), "Like", "") {
		t.Error("a follower is told of a like")
	}
	outbox := get(t, a.url+"/users/ada/outbox?page=1").Inners("orderedItems")
	if len(outbox) != 2 || outbox[0].ID() != a.url+"/activities/boost/"+boost.ID || outbox[1].Type() != "Create" {
		t.Errorf("%v", outbox)
	}
	if o := get(t, boostID(a, boost)); o.Ref("object") != note.ID() {
		t.Errorf("%v", o)
	}
	if page, err := led(t, a, boost); err != nil || page != note.ID() {
		t.Errorf("people are led to %q, %v", page, err)
	}
	if page, err := led(t, a, liked); !errors.Is(err, store.ErrNotFound) { // which is nobody else's business
		t.Errorf("people are led from a like to %q, %v", page, err)
	}

	for _, kind := range []string{fed.Like, fed.Boost} {
		if _, err := a.TakeBack(ctx, kind, number, ""); err != nil {
			t.Fatal(err)
		}
		_, err := a.TakeBack(ctx, kind, number, "")
		fails(t, err, store.ErrNotFound)
	}
	waitFor(t, "both Undos", func() bool {
		n := 0
		for _, o := range b.queued(t, strings.TrimPrefix(a.url, "http://")) {
			if inner, whole := o.Inner("object"); o.Type() == "Undo" && whole && inner.Ref("actor") == a.person() && inner.Ref("object") == note.ID() {
				n++
			}
		}
		return n == 2
	})
	c.received(t, a, "Undo", note.ID())
	if list, _, err := a.store.Comments(ctx, video.ID, 0, 5); err != nil || list[0].Likes+list[0].Boosts != 0 {
		t.Errorf("%+v, %v", list, err)
	}

	// Liked again at once: another activity, or others would take it for the one undone.
	do(fed.Like)
	waitFor(t, "the second Like", func() bool {
		return slices.ContainsFunc(b.queued(t, strings.TrimPrefix(a.url, "http://")), func(o vocab.Object) bool {
			return o.Type() == "Like" && o.ID() != like.ID()
		})
	})
}

// led returns where people are led who look at a deed.
func led(t *testing.T, a *tubelet, d social.Deed) (string, error) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, boostID(a, d), nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetPathValue("boost", d.ID)
	return a.Web().People(t.Context(), r)
}

func boostID(a *tubelet, d social.Deed) string { return a.url + "/activities/boost/" + d.ID }

func get(t *testing.T, address string) vocab.Object {
	t.Helper()
	answer, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	o, err := vocab.Parse(body)
	if err != nil {
		t.Fatal(err, address)
	}
	return o
}

// What is not to be liked, and why.
func TestDeedsRefused(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	stop := a.run(t)
	ctx, people := t.Context(), a.store.Social()
	video := a.publish(t, "A film")
	note := b.note("1", a.site(t).Video(video.ID), "<p>Fine!</p>")
	b.post(t, a, b.does("Create", note))
	number := a.waitComment(t, note.ID()).ID
	own, err := a.Reply(ctx, video.ID, number, "Thanks")
	if err != nil {
		t.Fatal(err)
	}
	stop()
	try := func(n int64) error { _, err := a.DoTo(ctx, fed.Like, n); return err }
	fails(t, try(own.ID), store.ErrInvalid)
	fails(t, try(99), store.ErrNotFound)
	if err := people.SetCommentState(ctx, number, social.Hidden); err != nil {
		t.Fatal(err)
	}
	fails(t, try(number), store.ErrExists)
	if err := people.SetCommentState(ctx, number, social.Shown); err != nil {
		t.Fatal(err)
	}
	video.Visibility = store.Unlisted
	if err := a.store.UpdateVideo(ctx, video); err != nil {
		t.Fatal(err)
	}
	fails(t, try(number), store.ErrInvalid)

	host := strings.TrimPrefix(b.url, "http://")
	public := b.serve("2", "https://third.example/1", "<p>Hello</p>")
	at := func(address string) error { _, err := a.DoAt(ctx, fed.Boost, address); return err }
	if _, err := people.Block(ctx, social.Block{Target: "@bob@" + host, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	fails(t, at(public.ID()), store.ErrExists)
	if err := people.Unblock(ctx, "@bob@"+host); err != nil {
		t.Fatal(err)
	}
	private := b.serve("3", "https://third.example/1", "<p>Hello</p>")
	private["to"] = []string{b.person() + "/followers"}
	other := b.serve("4", "https://third.example/1", "<p>Hello</p>")
	other["type"] = "Question"
	foreign := b.serve("5", "https://third.example/1", "<p>Hello</p>")
	foreign["attributedTo"] = a.person()
	for address, want := range map[string]error{
		private.ID(): store.ErrInvalid, other.ID(): store.ErrInvalid, foreign.ID(): fed.ErrElsewhere, b.url + "/notes/none": fed.ErrElsewhere,
		a.url + "/comments/1": store.ErrInvalid, "gopher://" + host: store.ErrInvalid, b.person(): store.ErrInvalid,
	} {
		fails(t, at(address), want)
	}
	week := []social.Outcome{{Delivery: social.Delivery{Host: host}, Again: time.Now(), Hold: true}}
	for _, given := range []time.Duration{0, time.Hour} {
		if err := people.Record(ctx, week, time.Now(), time.Now().Add(given)); err != nil {
			t.Fatal(err)
		}
	}
	_, err = a.DoAt(ctx, fed.Like, public.ID())
	fails(t, err, fed.ErrElsewhere)
	if all, _, err := people.Queue(ctx); err != nil || all != 0 { // the answer was dropped when the host was given up
		t.Errorf("%d on their way, %v", all, err)
	}
}

// A video elsewhere, named by its page, whose object has another address.
func TestDeedElsewhere(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	ctx := t.Context()
	film := vocab.Object{
		"id": b.url + "/w/1", "type": "Video", "attributedTo": []any{vocab.Object{"type": "Person", "id": b.person()}}, "name": "A film", "to": []string{vocab.Public},
		"url": []any{vocab.Object{"type": "Link", "mediaType": "text/html", "href": b.url + "/watch/1"}},
	}
	for _, path := range []string{"GET /watch/1", "GET /w/1"} {
		b.mux.HandleFunc(path, func(w http.ResponseWriter, _ *http.Request) { answer(w, film) })
	}
	done, err := a.DoAt(ctx, fed.Like, b.url+"/watch/1")
	if err != nil || done.Object != film.ID() || done.URL != b.url+"/watch/1" {
		t.Fatalf("%+v, %v", done, err)
	}
	for _, address := range []string{film.ID(), b.url + "/watch/1"} {
		_, err := a.DoAt(ctx, fed.Like, address)
		fails(t, err, store.ErrExists)
	}
	_, err = a.TakeBack(ctx, fed.Boost, 0, film.ID())
	fails(t, err, store.ErrNotFound)
	if _, err := a.TakeBack(ctx, fed.Like, 0, b.url+"/watch/1"); err != nil {
		t.Fatal(err)
	}
	// No server ran so far: it finds both, in their order.
	a.run(t)
	b.received(t, a, "Like", film.ID())
	b.received(t, a, "Undo", film.ID())

	// What its author deletes is off the list.
	if _, err := a.DoAt(ctx, fed.Boost, film.ID()); err != nil {
		t.Fatal(err)
	}
	b.post(t, a, b.does("Delete", film.ID()))
	waitFor(t, "no boost", func() bool {
		list, err := a.store.Social().Deeds(ctx, fed.Boost, 5)
		return err == nil && len(list) == 0
	})
}

// Who blocks somebody takes back what they liked and boosted of theirs. A person's server hears of
// it, a blocked server hears nothing more; followers elsewhere hear that a boost is gone.
func TestBlockTakesBack(t *testing.T) {
	a, b, c := newTubelet(t, "ada"), newTubelet(t, "bob"), newTubelet(t, "cyd")
	a.run(t)
	ctx, people, hostA, hostB := t.Context(), a.store.Social(), strings.TrimPrefix(a.url, "http://"), strings.TrimPrefix(b.url, "http://")
	c.post(t, a, c.does("Follow", a.person()))
	waitFor(t, "the Accept", func() bool { return c.inboxHas(t, hostA, "Accept", "") })
	video := a.publish(t, "A film")
	for i, target := range []string{"@bob@" + hostB, hostB} {
		note := b.note(fmt.Sprint("here", i), a.site(t).Video(video.ID), "<p>Fine!</p>")
		there := b.serve(fmt.Sprint("there", i), "https://third.example/1", "<p>Hello</p>")
		b.post(t, a, b.does("Create", note))
		number := a.waitComment(t, note.ID()).ID
		for _, kind := range []string{fed.Like, fed.Boost} {
			if _, err := a.DoTo(ctx, kind, number); err != nil {
				t.Fatal(err)
			}
			if _, err := a.DoAt(ctx, kind, there.ID()); err != nil {
				t.Fatal(err)
			}
		}
		b.received(t, a, "Like", there.ID())
		b.received(t, a, "Announce", there.ID())
		if err := a.Block(ctx, social.Block{Target: target}); err != nil {
			t.Fatal(err)
		}
		for _, object := range []string{note.ID(), there.ID()} {
			c.undone(t, a, "Announce", object)
			if target != hostB {
				b.undone(t, a, "Like", object)
				b.undone(t, a, "Announce", object)
			}
		}
		for _, kind := range []string{fed.Like, fed.Boost} {
			if list, err := people.Deeds(ctx, kind, 9); err != nil || len(list) != 0 {
				t.Errorf("%s: %d %ss are left, %v", target, len(list), kind, err)
			}
		}
		waitFor(t, "an empty queue", func() bool { all, _, err := people.Queue(ctx); return err == nil && all == 0 })
		if target == hostB && slices.ContainsFunc(b.queued(t, hostA), func(o vocab.Object) bool {
			inner, _ := o.Inner("object")
			return o.Type() == "Undo" && inner.Ref("object") == there.ID()
		}) {
			t.Error("a blocked server is spoken to")
		}
		if err := people.Unblock(ctx, target); err != nil {
			t.Fatal(err)
		}
	}
	// A mute takes nothing back.
	note := b.serve("muted", "https://third.example/1", "<p>Hello</p>")
	if _, err := a.DoAt(ctx, fed.Like, note.ID()); err != nil {
		t.Fatal(err)
	}
	if err := a.Block(ctx, social.Block{Target: hostB, Mute: true}); err != nil {
		t.Fatal(err)
	}
	if list, err := people.Deeds(ctx, fed.Like, 9); err != nil || len(list) != 1 {
		t.Errorf("%d likes after a mute, %v", len(list), err)
	}
}

// undone waits for the Undo of a deed to an object.
func (b *tubelet) undone(t *testing.T, from *tubelet, kind, object string) {
	t.Helper()
	waitFor(t, "Undo of "+kind+" of "+object, func() bool {
		return slices.ContainsFunc(b.queued(t, strings.TrimPrefix(from.url, "http://")), func(o vocab.Object) bool {
			inner, _ := o.Inner("object")
			return o.Type() == "Undo" && inner.Type() == kind && inner.Ref("object") == object
		})
	})
}
