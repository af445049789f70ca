package fed_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// post sends an activity from one channel to another's shared inbox.
func (b *tubelet) post(t *testing.T, to *tubelet, activity vocab.Object) {
	t.Helper()
	if err := b.client.Post(t.Context(), to.url+"/inbox", b.key, encode(t, activity)); err != nil {
		t.Fatalf("%s: %v", activity.Type(), err)
	}
}

// inboxHas reports whether an activity of a kind has come in that nobody works on yet.
func (b *tubelet) inboxHas(t *testing.T, host, kind, about string) bool {
	t.Helper()
	received := b.queued(t, host)
	return slices.ContainsFunc(received, func(o vocab.Object) bool {
		return o.Type() == kind && (about == "" || strings.Contains(string(encode(t, o)), about))
	})
}

// Two channels: one follows the other as people do, through everything that can be done.
func TestTwoChannels(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t) // b only takes in, so that what came can be looked at
	hostA := strings.TrimPrefix(a.url, "http://")
	socialA := a.store.Social()
	siteA := a.site(t)

	follow := b.does("Follow", siteA.Person())
	b.post(t, a, follow)
	b.post(t, a, b.does("Follow", siteA.Group()))
	waitFor(t, "both followers", func() bool {
		_, people, _ := socialA.Followers(t.Context(), social.Person, 0, 5)
		_, groups, _ := socialA.Followers(t.Context(), social.Group, 0, 5)
		return people == 1 && groups == 1
	})
	waitFor(t, "the Accept", func() bool { return b.inboxHas(t, hostA, "Accept", follow.ID()) })

	video := a.publish(t, "A film")
	id := siteA.Video(video.ID)
	waitFor(t, "the Create", func() bool { return b.inboxHas(t, hostA, "Create", id) })
	waitFor(t, "the Announce", func() bool { return b.inboxHas(t, hostA, "Announce", id) })

	reactions(t, a, b, video.ID)
	comment := conversation(t, a, b, video.ID)

	b.post(t, a, b.does("QuoteRequest", id, "instrument", b.url+"/notes/9"))
	waitFor(t, "the quote allowed", func() bool { return b.inboxHas(t, hostA, "Accept", "/quotes/1") })
	b.post(t, a, b.does("Flag", []string{id, "https://elsewhere.example/x"}, "content", "spam\x1b[31m"))
	waitFor(t, "a report", func() bool {
		list, err := socialA.Reports(t.Context(), 5)
		return err == nil && len(list) == 1 && list[0].Object == id && !strings.Contains(list[0].Text, "\x1b")
	})

	if err := a.store.DeleteVideo(t.Context(), video.ID); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Delete", func() bool { return b.inboxHas(t, hostA, "Delete", id) })

	b.post(t, a, b.does("Undo", follow))
	waitFor(t, "one follower less", func() bool { _, n, _ := socialA.Followers(t.Context(), social.Person, 0, 5); return n == 0 })
	if err := a.Block(t.Context(), social.Block{Target: comment.Acct}); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Reject", func() bool { return b.inboxHas(t, hostA, "Reject", "") })
	waitFor(t, "blocked", func() bool {
		err := b.client.Post(t.Context(), a.url+"/inbox", b.key, encode(t, b.does("Like", id)))
		return err != nil && strings.Contains(err.Error(), "403")
	})
	if _, n, _ := socialA.Followers(t.Context(), social.Group, 0, 5); n != 0 {
		t.Error("a blocked actor follows")
	}
}

// reactions are all kinds of them, and what is taken back.
func reactions(t *testing.T, a, b *tubelet, video string) {
	id := a.site(t).Video(video)
	like := b.does("Like", id)
	b.post(t, a, like)
	b.post(t, a, like) // again: one effect
	b.post(t, a, b.does("Announce", id))
	waitFor(t, "like and boost", func() bool { return a.counts(t, video) == social.Counts{Likes: 1, Boosts: 1} })
	b.post(t, a, b.does("Dislike", id))
	waitFor(t, "dislike instead", func() bool { return a.counts(t, video) == social.Counts{Dislikes: 1, Boosts: 1} })
	b.post(t, a, b.does("EmojiReact", id, "content", "🎉"))
	waitFor(t, "emoji as a like", func() bool { return a.counts(t, video) == social.Counts{Likes: 1, Boosts: 1} })
	b.post(t, a, b.does("Undo", vocab.Object{"type": "Announce", "object": id, "actor": b.person()}))
	waitFor(t, "boost undone", func() bool { return a.counts(t, video).Boosts == 0 })
	b.post(t, a, b.does("View", id))
	waitFor(t, "a view", func() bool { v, err := a.store.Video(t.Context(), video); return err == nil && v.Views == 1 })
}

// conversation is a comment, an edit, an answer of the creator's and one to that, and their
// deletion. It returns the comment.
func conversation(t *testing.T, a, b *tubelet, video string) social.Comment {
	hostA, socialA := strings.TrimPrefix(a.url, "http://"), a.store.Social()
	id := a.site(t).Video(video)
	note := b.note("1", id, `<p>Fine! <script>alert(1)</script><img src=x onerror=y><a href="javascript:z">j</a></p><blockquote>open`)
	b.post(t, a, b.does("Create", note))
	comment := a.waitComment(t, note.ID())
	if comment.HTML != "<p>Fine! j</p><blockquote>open</blockquote>" || comment.State != social.Shown || comment.Acct != "@bob@"+strings.TrimPrefix(b.url, "http://") {
		t.Errorf("%+v", comment)
	}
	note["content"] = "<p>Better.</p>"
	b.post(t, a, b.does("Update", note))
	waitFor(t, "the edit", func() bool {
		c, err := socialA.CommentByURI(t.Context(), note.ID())
		return err == nil && c.HTML == "<p>Better.</p>"
	})

	reply, err := a.Reply(t.Context(), video, comment.ID, "Thank you")
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the answer", func() bool { return b.inboxHas(t, hostA, "Create", reply.URI) })
	answer := b.note("2", reply.URI, "<p>Welcome.</p>")
	b.post(t, a, b.does("Create", answer))
	if c := a.waitComment(t, answer.ID()); c.Parent != reply.ID {
		t.Errorf("answers %d, not %d", c.Parent, reply.ID)
	}
	b.post(t, a, b.does("Like", reply.URI))
	if err := a.DeleteReply(t.Context(), reply.ID); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the answer gone", func() bool { return b.inboxHas(t, hostA, "Delete", reply.URI) })
	b.post(t, a, b.does("Delete", vocab.Object{"id": note.ID(), "type": "Tombstone"}))
	waitFor(t, "no comments", func() bool { return a.counts(t, video).Comments == 0 })
	return comment
}

// A follower who has to be approved, and refused.
func TestApproval(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	if err := a.store.SetSetting(t.Context(), "followers.approve", "true"); err != nil {
		t.Fatal(err)
	}
	a.run(t)
	hostA, acct := strings.TrimPrefix(a.url, "http://"), "@bob@"+strings.TrimPrefix(b.url, "http://")
	b.post(t, a, b.does("Follow", a.person()))
	waitFor(t, "who asks", func() bool { list, err := a.store.Social().Waiting(t.Context()); return err == nil && len(list) == 1 })
	if b.inboxHas(t, hostA, "Accept", "") {
		t.Error("accepted unasked")
	}
	if err := a.Approve(t.Context(), acct); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Accept", func() bool { return b.inboxHas(t, hostA, "Accept", "") })
	if err := a.RemoveFollower(t.Context(), strings.TrimPrefix(acct, "@")); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the Reject", func() bool { return b.inboxHas(t, hostA, "Reject", "") })
	if err := a.Approve(t.Context(), acct); err == nil {
		t.Error("approves of who does not ask")
	}
}

// What the creator said about comments.
func TestCommentRules(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	link := `<p>see <a href="https://spam.example/">this</a></p>`
	for name, test := range map[string]struct {
		rule, text string
		want       social.State // "" for none
	}{
		"open":       {"open", link, social.Shown},
		"approve":    {"approve", "<p>hello</p>", social.Held},
		"links":      {"links", link, social.Held},
		"links none": {"links", "<p>hello</p>", social.Shown},
		"mention":    {"links", `<p><a href="` + a.person() + `">@ada</a> hello</p>`, social.Shown},
		"closed":     {"closed", "<p>hello</p>", ""},
		"empty":      {"open", "<p><img src=x></p>", ""},
	} {
		t.Run(name, func(t *testing.T) {
			video := a.publish(t, "A film")
			video.Commenting = test.rule
			if err := a.store.UpdateVideo(t.Context(), video); err != nil {
				t.Fatal(err)
			}
			note := b.note("n"+video.ID, a.site(t).Video(video.ID), test.text)
			b.post(t, a, b.does("Create", note))
			if test.want != "" {
				if c := a.waitComment(t, note.ID()); c.State != test.want {
					t.Errorf("%s", c.State)
				}
				return
			}
			a.settled(t, b)
			if _, err := a.store.Social().CommentByURI(t.Context(), note.ID()); err == nil {
				t.Error("taken")
			}
		})
	}
}

// B1 to B10: nobody acts for another.
func TestAuthority(t *testing.T) {
	a, b, c := newTubelet(t, "ada"), newTubelet(t, "bob"), newTubelet(t, "eve")
	a.run(t)
	video := a.publish(t, "A film")
	id, ctx, people := a.site(t).Video(video.ID), t.Context(), a.store.Social()
	follow := b.does("Follow", a.person())
	b.post(t, a, follow)
	note := b.note("1", id, "<p>Mine.</p>")
	b.post(t, a, b.does("Create", note))
	a.waitComment(t, note.ID())
	like := b.does("Like", id)
	b.post(t, a, like)
	waitFor(t, "a like", func() bool { return a.counts(t, video.ID).Likes == 1 })

	theirs := vocab.Object{"id": note.ID(), "type": "Note", "attributedTo": c.person(), "content": "<p>Eve's.</p>", "inReplyTo": id, "to": []string{vocab.Public}}
	follower := c.note("2", id, "<p>secret</p>")
	follower["to"] = []string{c.person() + "/followers"}
	direct := c.note("3", id, "<p>secret</p>")
	direct["to"] = []string{a.person()}
	for name, activity := range map[string]vocab.Object{
		"B1 create another's":   c.does("Create", note),
		"B1 in own name":        c.does("Create", theirs),
		"B2 update another's":   c.does("Update", theirs),
		"B2 delete another's":   c.does("Delete", note.ID()),
		"B2 undo another's":     c.does("Undo", like),
		"B2 undo by id":         c.does("Undo", like.ID()),
		"B3 delete our video":   c.does("Delete", id),
		"B4 undo a follow":      c.does("Undo", follow),
		"B4 undo follow by id":  c.does("Undo", follow.ID()),
		"B5 accept":             c.does("Accept", vocab.Object{"type": "Follow", "actor": a.person(), "object": c.person()}),
		"B5 reject":             c.does("Reject", vocab.Object{"type": "Follow", "actor": a.person(), "object": c.person()}),
		"B9 move unnamed":       c.does("Move", c.person(), "target", b.person()),
		"B9 move another":       c.does("Move", b.person(), "target", c.person()),
		"B10 followers only":    c.does("Create", follower),
		"B10 direct":            c.does("Create", direct),
		"delete another actor":  c.does("Delete", b.person()),
		"update our video":      c.does("Update", vocab.Object{"id": id, "type": "Video", "name": "Eve's", "attributedTo": c.person()}),
		"unknown":               c.does("Frobnicate", id),
		"a like of the unknown": c.does("Like", a.url+"/videos/0000000000"),
		"a follow of nobody":    c.does("Follow", a.url+"/users/nobody"),
	} {
		t.Run(name, func(t *testing.T) {
			c.post(t, a, activity)
			a.settled(t, c)
			got, err := people.CommentByURI(ctx, note.ID())
			if err != nil || got.HTML != "<p>Mine.</p>" {
				t.Errorf("%+v, %v", got, err)
			}
			if n := a.counts(t, video.ID); (n != social.Counts{Likes: 1, Comments: 1}) {
				t.Errorf("%+v", n)
			}
			if _, n, _ := people.Followers(ctx, social.Person, 0, 5); n != 1 {
				t.Errorf("%d followers", n)
			}
			if v, err := a.store.Video(ctx, video.ID); err != nil || v.Title != "A film" {
				t.Errorf("%+v, %v", v, err)
			}
		})
	}
}

// Whoever is gone takes along what was theirs.
func TestActorGone(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	video := a.publish(t, "A film")
	id := a.site(t).Video(video.ID)
	b.post(t, a, b.does("Follow", a.person()))
	b.post(t, a, b.does("Like", id))
	b.post(t, a, b.does("Create", b.note("1", id, "<p>Mine.</p>")))
	waitFor(t, "all of it", func() bool { return a.counts(t, video.ID) == social.Counts{Likes: 1, Comments: 1} })
	b.post(t, a, b.does("Delete", b.person()))
	waitFor(t, "nothing", func() bool {
		_, n, _ := a.store.Social().Followers(t.Context(), social.Person, 0, 5)
		return n == 0 && a.counts(t, video.ID) == social.Counts{}
	})
}

// A thread whose notes are on several servers is followed up to the video, and no further than
// is sane.
func TestThreads(t *testing.T) {
	a, b, c := newTubelet(t, "ada"), newTubelet(t, "bob"), newTubelet(t, "cyd")
	a.run(t)
	video := a.publish(t, "A film")
	id := a.site(t).Video(video.ID)
	first := c.serve("1", id, "<p>First.</p>")
	second := c.serve("2", first.ID(), "<p>Second.</p>")
	third := b.serve("3", second.ID(), "<p>Third.</p>")
	b.post(t, a, b.does("Create", third))
	got := a.waitComment(t, third.ID())
	parent := a.waitComment(t, second.ID())
	if got.Parent != parent.ID || parent.Parent != a.waitComment(t, first.ID()).ID || parent.ActorURI != c.person() {
		t.Errorf("%+v, %+v", got, parent)
	}

	// Passed on by another server: believed as far as the origin says the same.
	passed := c.serve("4", id, "<p>As it is.</p>")
	lie := vocab.Object{"id": passed.ID(), "type": "Note", "attributedTo": c.person(), "content": "<p>A lie.</p>", "inReplyTo": id, "to": []string{vocab.Public}}
	relayed := b.does("Create", lie)
	relayed["actor"], relayed["id"] = c.person(), c.url+"/activities/relayed"
	b.post(t, a, relayed)
	if got := a.waitComment(t, passed.ID()); got.HTML != "<p>As it is.</p>" {
		t.Error(got.HTML)
	}

	// D4: a chain without end.
	asked := c.endless()
	b.post(t, a, b.does("Create", b.note("5", c.url+"/endless/1", "<p>Deep.</p>")))
	a.settled(t, b)
	if n := asked(); n == 0 || n > 31 {
		t.Errorf("%d fetches", n)
	}
	if n := a.counts(t, video.ID).Comments; n != 4 {
		t.Errorf("%d comments", n)
	}
}

// A channel that moves, and one that ends.
func TestMoveAndRetire(t *testing.T) {
	a, b := newTubelet(t, "ada"), newTubelet(t, "bob")
	a.run(t)
	hostA := strings.TrimPrefix(a.url, "http://")
	b.post(t, a, b.does("Follow", a.person()))
	waitFor(t, "the Accept", func() bool { return b.inboxHas(t, hostA, "Accept", "") })
	if err := a.store.Social().SetMoved(t.Context(), b.person()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the news of the actor", func() bool { return b.inboxHas(t, hostA, "Update", "movedTo") })
	if err := a.Retire(t.Context()); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the end", func() bool { return b.inboxHas(t, hostA, "Delete", a.person()) })
	if err := a.Retire(t.Context()); err == nil {
		t.Error("retires twice")
	}
}
