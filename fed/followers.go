package fed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// id returns the id of one of our actors.
func id(site vocab.Site, target social.Target) string {
	if target == social.Group {
		return site.Group()
	}
	return site.Person()
}

// Approve accepts who asks to follow, by a handle such as @ada@peer.example.
func (f *Fed) Approve(ctx context.Context, acct string) error {
	return f.eachFollow(ctx, acct, func(s *social.Store, site vocab.Site, who social.Follower) error {
		if !who.AcceptedAt.IsZero() {
			return nil
		}
		if err := s.Accept(ctx, who.Target, who.URI, time.Now()); err != nil {
			return err
		}
		return answer(ctx, s, site, "Accept", who)
	})
}

// RemoveFollower has somebody follow no longer, or refuses who asks to, and tells their
// server.
func (f *Fed) RemoveFollower(ctx context.Context, acct string) error {
	return f.eachFollow(ctx, acct, func(s *social.Store, site vocab.Site, who social.Follower) error {
		if err := s.Unfollow(ctx, who.Target, who.URI); err != nil {
			return err
		}
		return answer(ctx, s, site, "Reject", who)
	})
}

// eachFollow does something with all that an account follows of ours, in one transaction.
func (f *Fed) eachFollow(ctx context.Context, acct string, do func(*social.Store, vocab.Site, social.Follower) error) error {
	site, err := f.Site(ctx)
	if err != nil {
		return err
	}
	return f.social.Together(ctx, false, func(s *social.Store) error {
		list, err := s.FollowsOf(ctx, handle(acct))
		if err != nil {
			return err
		}
		if len(list) == 0 {
			return store.Errorf(store.ErrNotFound, "%s does not follow, nor ask to", acct)
		}
		for _, who := range list {
			if err := do(s, site, who); err != nil {
				return err
			}
		}
		return nil
	})
}

// answer puts the answer to a Follow on its way. It goes to the follower's own inbox: PeerTube
// takes none at the shared one.
func answer(ctx context.Context, s *social.Store, site vocab.Site, kind string, who social.Follower) error {
	activity := site.Answer(kind, id(site, who.Target), who.Follow, who.URI, time.Now())
	return say(ctx, s, activity, social.Outgoing{By: who.Target, Inboxes: []social.Recipient{{Inbox: who.Inbox, Host: who.Host}}})
}

// Block stops hearing an actor or a host. An actor that follows is told that it no longer does. What
// the creator liked and boosted of theirs is taken back, which no block does by itself: Mastodon's ends
// follows only (its app/services/block_service.rb), and followers would go on seeing a boost of who is
// blocked. Of a host only others hear that, since nothing is said to it any more.
func (f *Fed) Block(ctx context.Context, b social.Block) error {
	site, err := f.Site(ctx)
	if err != nil {
		return err
	}
	if strings.HasPrefix(b.Target, "@") {
		b.Target = handle(b.Target)
	} else {
		b.Target = strings.ToLower(b.Target)
	}
	if b.At.IsZero() {
		b.At = time.Now()
	}
	return f.social.Together(ctx, true, func(s *social.Store) error {
		if strings.HasPrefix(b.Target, "@") && !b.Mute {
			list, err := s.FollowsOf(ctx, b.Target)
			if err != nil {
				return err
			}
			for _, who := range list {
				if err := answer(ctx, s, site, "Reject", who); err != nil {
					return err
				}
			}
		}
		undone, err := s.Block(ctx, b)
		if err != nil {
			return fmt.Errorf("block %s: %w", b.Target, err)
		}
		for _, d := range undone {
			if err := say(ctx, s, site.Undo(deed(d), activity(site, d)), toWhom(d)); err != nil {
				return err
			}
		}
		return nil
	})
}

// handle writes a handle in the one form in which they are kept: with @ in front, the host in
// lower case.
func handle(text string) string {
	user, host, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(text), "@"), "@")
	return "@" + user + "@" + strings.ToLower(host)
}
