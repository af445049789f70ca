package fediverse

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/server/offer"
	"github.com/tubelet/tubelet/store"
)

// facts tells what a video's object says beside what the creator said: counts, who may
// comment, and how it is shared.
func (f *Fediverse) facts(ctx context.Context, v store.Video) (vocab.Facts, error) {
	comments, err := f.cfg.Store.Setting(ctx, "comments")
	if err != nil {
		return vocab.Facts{}, err
	}
	p2p, err := f.cfg.Store.Setting(ctx, "p2p")
	if err != nil {
		return vocab.Facts{}, err
	}
	told, err := f.social.Told(ctx, v.ID)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return vocab.Facts{}, err
	}
	channel, err := f.cfg.Store.Channel(ctx)
	if err != nil {
		return vocab.Facts{}, err
	}
	facts := vocab.Facts{
		Comments: policy(cmp.Or(v.Commenting, comments)), Sensitive: v.Warning, Edited: told.EditedAt,
		Replies: int64(v.Comments),
		Magnets: map[int]string{},
	}
	for _, t := range offer.Torrents(channel, v, p2p) {
		if t.Language == "" {
			facts.Magnets[t.Height] = t.Magnet
		}
	}
	if len(facts.Magnets) > 0 {
		facts.Hashes = f.cfg.Hashes(channel, v)
		facts.Trackers = offer.Trackers(channel)
		// PeerTube takes the first that its player understands.
		slices.SortFunc(facts.Trackers, func(a, b string) int { return cmp.Compare(overHTTP(a), overHTTP(b)) })
	}
	return facts, nil
}

func overHTTP(address string) int {
	if strings.HasPrefix(address, "http") {
		return 1
	}
	return 0
}

// policy says who may comment in the words of others. They have none for links.
func policy(word string) vocab.Policy {
	switch word {
	case "closed":
		return vocab.Closed
	case "approve":
		return vocab.Approved
	}
	return vocab.Open
}
