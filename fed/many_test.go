package fed_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// Five channels: four follow the fifth and talk about its video, with it and with each other.
func TestFiveChannels(t *testing.T) {
	a := newTubelet(t, "ada")
	a.run(t)
	var others []*tubelet
	for i := range 4 {
		b := newTubelet(t, fmt.Sprintf("fan%d", i))
		b.post(t, a, b.does("Follow", a.person()))
		others = append(others, b)
	}
	hostA := strings.TrimPrefix(a.url, "http://")
	for _, b := range others {
		waitFor(t, "an Accept", func() bool { return b.inboxHas(t, hostA, "Accept", "") })
	}
	video := a.publish(t, "A film")
	above := a.site(t).Video(video.ID)
	for i, b := range others {
		waitFor(t, "the Create", func() bool { return b.inboxHas(t, hostA, "Create", video.ID) })
		note := b.serve(fmt.Sprint(i), above, "<p>I think so too.</p>")
		b.post(t, a, b.does("Create", note))
		b.post(t, a, b.does("Like", above))
		a.waitComment(t, note.ID())
		above = note.ID() // the next answers this one
	}
	waitFor(t, "all of it", func() bool { return a.counts(t, video.ID).Comments == 4 })
	reply, err := a.Reply(t.Context(), video.ID, a.waitComment(t, above).ID, "Thank you all")
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range others {
		waitFor(t, "the answer", func() bool { return b.inboxHas(t, hostA, "Create", reply.URI) })
	}
	// One leaves, and takes its comment along, with what was said below.
	first := others[0]
	first.post(t, a, first.does("Delete", first.person()))
	waitFor(t, "the thread gone", func() bool { return a.counts(t, video.ID).Comments == 0 })
	if _, n, err := a.store.Social().Followers(t.Context(), social.Person, 0, 1); err != nil || n != 3 {
		t.Errorf("%d followers, %v", n, err)
	}
}

// Who is muted is heard, and not shown; who is blocked later is gone, with all of it.
func TestMute(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	video := a.publish(t, "A film")
	id, host := a.site(t).Video(video.ID), strings.TrimPrefix(b.url, "http://")
	b.post(t, a, b.does("Follow", a.person()))
	b.post(t, a, b.does("Create", b.note("1", id, "<p>one</p>")))
	a.waitComment(t, b.url+"/notes/1")
	if err := a.Block(t.Context(), social.Block{Target: host, Mute: true}); err != nil {
		t.Fatal(err)
	}
	if n := a.counts(t, video.ID).Comments; n != 0 {
		t.Errorf("%d comments of who is muted", n)
	}
	b.post(t, a, b.does("Create", b.note("2", id, "<p>two</p>")))
	if c := a.waitComment(t, b.url+"/notes/2"); c.State != social.Hidden {
		t.Errorf("%s", c.State)
	}
	b.post(t, a, b.does("Like", id))
	a.settled(t, b)
	if n := a.counts(t, video.ID); (n != social.Counts{}) {
		t.Errorf("%+v", n)
	}
	if _, n, _ := a.store.Social().Followers(t.Context(), social.Person, 0, 1); n != 1 {
		t.Error("a mute takes a follower away")
	}
	if err := a.Block(t.Context(), social.Block{Target: host}); err != nil {
		t.Fatal(err)
	}
	if _, err := a.store.Social().Actor(t.Context(), b.person()); err == nil {
		t.Error("still known")
	}
}

// D6: one domain, with as many hosts as it likes, does not fill the list of followers.
func TestFollowersOfOneDomain(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	host, people := strings.TrimPrefix(b.url, "http://"), a.store.Social()
	err := people.Together(t.Context(), false, func(s *social.Store) error {
		for i := range 5000 {
			uri := fmt.Sprintf("%s/users/u%d", b.url, i)
			id, err := s.SaveActor(t.Context(), social.Actor{URI: uri, Host: fmt.Sprint("h", i, ".", host), Domain: host, KeyID: uri, Inbox: uri, SharedInbox: uri, FetchedAt: time.Now()})
			if err != nil {
				return err
			}
			if _, err := s.Follow(t.Context(), social.Person, id, uri, true, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	a.run(t)
	b.post(t, a, b.does("Follow", a.person()))
	waitFor(t, "the Reject", func() bool { return b.inboxHas(t, strings.TrimPrefix(a.url, "http://"), "Reject", "") })
	if _, n, err := people.Followers(t.Context(), social.Person, 0, 1); err != nil || n != 5000 {
		t.Errorf("%d followers, %v", n, err)
	}
}

// What makes no sense is put aside, once, and what comes after it is worked on all the same.
func TestNonsense(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	video := a.publish(t, "A film")
	id := a.site(t).Video(video.ID)
	for _, object := range []any{nil, "", 1, []any{}, map[string]any{}, []any{map[string]any{"id": 1}}, "not a url", "http://127.0.0.1:1/x", a.person(), strings.Repeat("x", 9000)} {
		for _, kind := range []string{"Create", "Update", "Delete", "Follow", "Undo", "Like", "Announce", "Flag", "QuoteRequest", "Move", "Block", "View"} {
			b.post(t, a, b.does(kind, object))
		}
	}
	for _, inner := range []string{"Follow", "Like", "Announce", "Create", "", "Undo"} {
		b.post(t, a, b.does("Undo", vocab.Object{"type": inner}))
	}
	b.post(t, a, b.does("Like", id))
	waitFor(t, "the like", func() bool { return a.counts(t, video.ID).Likes == 1 })
	if n := a.counts(t, video.ID); (n != social.Counts{Likes: 1}) {
		t.Errorf("%+v", n)
	}
}
