package verbs

import (
	"cmp"
	"context"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

const maxEmoji = 32

// like counts a Like, or an EmojiReact (FEP-c0e0) as one.
func (t *task) like(ctx context.Context) error { return t.react(ctx, "like") }

func (t *task) dislike(ctx context.Context) error { return t.react(ctx, "dislike") }

// announce counts a boost. What is announced of others is not for us.
func (t *task) announce(ctx context.Context) error { return t.react(ctx, "boost") }

func (t *task) react(ctx context.Context, kind string) error {
	video, comment, err := t.subject(ctx, t.activity.Ref("object"))
	if err != nil {
		return err
	}
	actor, muted, err := t.actor(ctx, t.received.Actor)
	if err != nil {
		return err
	}
	if muted {
		return ignore("%s is muted", actor.Acct)
	}
	reaction := social.Reaction{
		Activity: t.activity.ID(), Actor: actor.ID, Kind: kind, Video: video, Comment: comment, At: t.now,
		Emoji: vocab.Clean(cmp.Or(t.activity.Text("content"), t.activity.Text("_misskey_reaction")), maxEmoji),
	}
	return t.finish(ctx, true, func(s *social.Store) error { return s.React(ctx, reaction) })
}
