package store

import (
	"testing"
	"time"

	"github.com/tubelet/tubelet/store/social"
)

// exerciseSocial calls every method of the fediverse's part that runs SQL.
func exerciseSocial(t *testing.T, s *Store, video string) {
	t.Helper()
	ctx, now, f := t.Context(), time.Now(), s.Social()
	ok := func(what string, errs ...error) {
		t.Helper()
		for _, err := range errs {
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
		}
	}
	err2 := func(_ any, err error) error { return err }
	err3 := func(_, _ any, err error) error { return err }
	actor := social.Actor{URI: "https://a.example/u", Acct: "@u@a.example", Host: "a.example", KeyID: "k", SharedInbox: "https://a.example/inbox", FetchedAt: now}
	id, err := f.SaveActor(ctx, actor)
	ok("actor", err, err2(f.Actor(ctx, actor.URI)), err2(f.ActorByKey(ctx, "k")))
	ok("avatar", f.SetAvatar(ctx, id, "", "x.jpg"))
	ok("follow", err2(f.Follow(ctx, social.Person, id, "f", false, now)), err2(f.Waiting(ctx)), f.Accept(ctx, social.Person, actor.URI, now), err2(f.Follows(ctx, actor.URI)),
		err2(f.FollowsOf(ctx, actor.Acct)), err2(f.FollowersAt(ctx, social.Person, actor.Host)))
	ok("standing", err2(f.Standing(ctx)), f.AddAlias(ctx, "x"), f.SetMoved(ctx, "x"), f.Retire(ctx, now))
	_, _, err = f.Followers(ctx, social.Person, 0, 10)
	ok("followers", err, err2(f.FollowerIDs(ctx, social.Person, 0, 10)))

	ok("inbox", err2(f.Receive(ctx, []social.Received{{Activity: "x", Host: "a.example"}}, now)), err2(f.InboxLanes(ctx)), err2(f.Next(ctx, "a.example", now)), f.Later(ctx, 1, now, "x"), f.Worked(ctx, 1, ""), f.ForgetInbox(ctx, now))
	ok("news", err2(f.News(ctx)), f.Tell(ctx, social.News{Video: video}, social.Told{Video: video, EditedAt: now, ToldAt: now}, social.Outgoing{URI: "o", By: social.Person, Followers: []social.Target{social.Person}}),
		err2(f.Told(ctx, video)), err2(f.ToldPinned(ctx)), f.TellPinned(ctx, video, false, now), f.Heard(ctx, social.News{Video: video}))
	ok("send", f.Send(ctx, social.Outgoing{URI: "p", By: social.Group, Inboxes: []social.Recipient{{Inbox: "i", Host: "a.example"}}}, now), err2(f.Lanes(ctx)), f.Retry(ctx, now))
	due, err := f.Due(ctx, "a.example", now)
	ok("due", err, f.Record(ctx, []social.Outcome{{Delivery: due, Again: now, Hold: true}, {Delivery: due, Alive: true, Gone: true, Done: true}}, now, now),
		f.Record(ctx, []social.Outcome{{Delivery: due, Again: now, Hold: true}, {Delivery: due, Again: now, Hold: true}}, now, now.Add(time.Hour)), err2(f.Hosts(ctx)), f.ForgetSent(ctx, now))
	_, _, err = f.Queue(ctx)
	ok("queue", err, err2(f.Elsewhere(ctx, "https://b.example/")), err2(f.CommentsAfter(ctx, 0, 5)), err2(f.LastComment(ctx)), err2(f.FollowersSince(ctx, now, 5)))

	like := social.Reaction{Activity: "l", Actor: id, Kind: "like", Video: video, At: now}
	ok("react", f.React(ctx, like), err2(f.Reactions(ctx, video, "like", 0, 5)), f.Unreact(ctx, "l", actor.URI), f.React(ctx, like), f.UnreactTo(ctx, like), err2(f.Counts(ctx, video)))
	comment, _, err := f.AddComment(ctx, social.Comment{Video: video, Actor: id, URI: "c", HTML: "x", State: social.Held, PublishedAt: now})
	ok("comment", err, err2(f.Held(ctx)), f.SetCommentState(ctx, comment, social.Shown), err2(f.Comment(ctx, comment)), err2(f.CommentByURI(ctx, "c")),
		err2(f.Comments(ctx, "", 0, 5)), err2(f.Comments(ctx, video, 0, 5)), err2(f.Replies(ctx, video, 0, 0, 5)), err2(f.Replies(ctx, video, comment, 0, 5)), err2(f.AllReplies(ctx, video, 0, 5)), err2(f.Answers(ctx, comment)), err2(f.Since(ctx, now, now, 5)),
		f.EditComment(ctx, "c", actor.URI, "x", now), f.SetCommentURI(ctx, comment, "d", ""), f.DeleteComment(ctx, "d", actor.URI))
	_, _, err = f.AddComment(ctx, social.Comment{Video: video, URI: "own", State: social.Shown, PublishedAt: now})
	ok("own comment", err, f.DeleteComment(ctx, "own", ""))
	own, _, err := f.AddComment(ctx, social.Comment{Video: video, State: social.Shown, PublishedAt: now})
	ok("own comment", err, f.RemoveComment(ctx, own))

	deed := social.Deed{ID: "d", Kind: "boost", Object: "o", Author: actor.URI, At: now}
	ok("deeds", err2(f.AddDeed(ctx, deed)), err2(f.Deed(ctx, "d")), err2(f.DeedTo(ctx, "boost", "o")), err2(f.Deeds(ctx, "boost", 5)), err3(s.Said(ctx, 0, 5)), f.ForgetDeeds(ctx, "x", "x"), f.RemoveDeed(ctx, "d"))

	quote, err := f.AllowQuote(ctx, social.Quote{Quote: "q", Actor: actor.URI, Video: video}, now)
	ok("quote", err, err2(f.Quote(ctx, quote)), f.ForgetQuote(ctx, "q", actor.URI), f.AddReport(ctx, social.Report{At: now}), err2(f.Reports(ctx, 5)))
	ok("clocks", err2(f.Crawled(ctx)), f.SetCrawled(ctx, now), f.Recall(ctx, now, now))
	ok("strangers", err2(f.Strangers(ctx, now, 10)), f.Forget(ctx, []int64{-1}), err2(f.Avatars(ctx)))
	ok("block", f.Unfollow(ctx, social.Person, actor.URI), err2(f.Block(ctx, social.Block{Target: "a.example", Mute: true, At: now})), err2(f.Blocked(ctx, "@u@a.example", "a.example")),
		err2(f.Blocks(ctx)), f.Unblock(ctx, "a.example"), err2(f.Block(ctx, social.Block{Target: "@u@a.example", Mute: true, At: now})),
		err2(f.Block(ctx, social.Block{Target: "@u@a.example", At: now})), err2(f.Block(ctx, social.Block{Target: "a.example", At: now})), f.DeleteActor(ctx, actor.URI))
}
