// Package news tells followers what is new: it compares each video that changed with what
// others were told of it, and says the difference, once. Every way of changing a video leaves a
// row in the store's news, so nothing else announces anything, and nothing is forgotten.
package news

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const (
	calm   = 30 * time.Second // after an edit, in which the next one may come
	making = 15 * time.Minute // how long renditions are waited for before they are told
	later  = time.Hour        // when to look again at the latest
)

// Config is what New needs.
type Config struct {
	Store *store.Store
	Site  func(context.Context) (vocab.Site, error)
	Facts func(context.Context, store.Video) (vocab.Facts, error)
}

// News tells what is new.
type News struct {
	cfg    Config
	social *social.Store
}

// New returns what tells.
func New(cfg Config) *News { return &News{cfg, cfg.Store.Social()} }

// Once tells what there is to tell now, and returns whether anything was put on its way, and
// when to come again at the latest.
func (n *News) Once(ctx context.Context, now time.Time) (sent bool, next time.Time, err error) {
	next = now.Add(later)
	site, err := n.cfg.Site(ctx)
	if err != nil {
		return false, next, err
	}
	list, err := n.social.News(ctx)
	if err != nil {
		return false, next, err
	}
	if sent, err = n.actors(ctx, site, now); err != nil {
		return sent, next, fmt.Errorf("tell of the channel: %w", err)
	}
	for _, item := range list {
		told, when, err := n.video(ctx, site, item, now)
		if err != nil {
			return sent, next, fmt.Errorf("tell of video %s: %w", item.Video, err)
		}
		sent = sent || told
		if !when.IsZero() && when.Before(next) {
			next = when
		}
	}
	return sent, next, nil
}

// video tells what is new about one video: when is set where it is too early.
func (n *News) video(ctx context.Context, site vocab.Site, item social.News, now time.Time) (sent bool, when time.Time, err error) {
	video, err := n.cfg.Store.Video(ctx, item.Video)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, when, err
	}
	there, pinned := err == nil && video.Listed(), !video.PinnedAt.IsZero()
	told, err := n.social.Told(ctx, item.Video)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, when, err
	}
	known, last := err == nil && !told.Gone, told.ToldAt
	told.ToldAt, told.Video = now, item.Video
	switch {
	case !there && !known:
		return false, when, n.social.Heard(ctx, item)
	case !there:
		told.Gone = true
		object := site.Delete(item.Video, now)
		object["id"] = object.ID() + "/" + vocab.Stamp(now) // it may be published, and go, again
		gone, err := outgoing(object, social.Person, social.Person, social.Group)
		if err != nil {
			return false, when, err
		}
		return true, when, n.social.Tell(ctx, item, told, gone)
	case !known && pinned: // which is told next
		return true, now, n.publish(ctx, site, video, social.News{}, told)
	case !known:
		return true, when, n.publish(ctx, site, video, item, told)
	case pinned != told.Pinned:
		if err := n.pin(ctx, site, video, now); err != nil {
			return false, when, err
		}
		_, when, err = n.change(ctx, site, video, item, told, last)
		return true, when, err
	}
	return n.change(ctx, site, video, item, told, last)
}

// pin tells who follows the person that a video is pinned, or no longer is. Where the first comes or
// the last goes, the collection of pinned videos is another as a whole: then others look through it
// when they hear of the actor.
func (n *News) pin(ctx context.Context, site vocab.Site, video store.Video, now time.Time) error {
	pinned := !video.PinnedAt.IsZero()
	before, err := n.social.ToldPinned(ctx)
	if err != nil {
		return err
	}
	says := []vocab.Object{site.Pin(video.ID, pinned, now)}
	if pinned && before == 0 || !pinned && before == 1 {
		says = append(says, site.UpdateActor(site.Person(), now))
	}
	out := make([]social.Outgoing, len(says))
	for i, activity := range says {
		if out[i], err = outgoing(activity, social.Person, social.Person); err != nil {
			return err
		}
	}
	return n.social.TellPinned(ctx, video.ID, pinned, now, out...)
}

// channel stands for both actors among what was told.
const channel = "@"

// actors tells what is new about the channel itself: its name, picture, links.
func (n *News) actors(ctx context.Context, site vocab.Site, now time.Time) (sent bool, err error) {
	actors := site.Actors()
	says, err := sum(vocab.Object{"person": actors[site.Channel.Handle], "group": actors[site.GroupName()]})
	if err != nil {
		return false, err
	}
	told, err := n.social.Told(ctx, channel)
	if err != nil && !errors.Is(err, store.ErrNotFound) || err == nil && told.Says == says {
		return false, err
	}
	var out []social.Outgoing
	if err == nil { // else nobody knows us yet
		for target, id := range map[social.Target]string{social.Person: site.Person(), social.Group: site.Group()} {
			update, err := outgoing(site.UpdateActor(id, now), target, target)
			if err != nil {
				return false, err
			}
			out = append(out, update)
		}
	}
	err = n.social.Tell(ctx, social.News{Video: channel}, social.Told{Video: channel, Says: says, EditedAt: now, ToldAt: now}, out...)
	return len(out) > 0, err
}

// publish tells of a video that is new to everybody: the person creates it, the group
// announces it. Who follows the group hears both: PeerTube shows what its channel announced, and
// Lemmy 0.19 reads the Create only, since for an Announce it wants an activity behind the id
// (its crates/apub/src/activities/community/announce.rs).
func (n *News) publish(ctx context.Context, site vocab.Site, video store.Video, item social.News, told social.Told) error {
	facts, err := n.cfg.Facts(ctx, video)
	if err != nil {
		return err
	}
	create, announce := site.Create(video, facts), site.Announce(video)
	if told.Gone { // it was there before: who remembers the old activities would not take them again
		create["id"] = create.ID() + "/" + vocab.Stamp(told.ToldAt)
		announce["id"] = announce.ID() + "/" + vocab.Stamp(told.ToldAt)
	}
	first, err := outgoing(create, social.Person, social.Person, social.Group)
	if err != nil {
		return err
	}
	second, err := outgoing(announce, social.Group, social.Group)
	if err != nil {
		return err
	}
	told.Gone, told.EditedAt = false, video.PublishedAt
	if told.Says, told.Media, err = sums(site, video, facts); err != nil {
		return err
	}
	return n.social.Tell(ctx, item, told, first, second)
}

// change tells of an edit: shown as one where the creator said something else, silent where only
// the media grew; last is when anything was told before.
func (n *News) change(ctx context.Context, site vocab.Site, video store.Video, item social.News, told social.Told, last time.Time) (sent bool, when time.Time, err error) {
	now := told.ToldAt
	facts, err := n.cfg.Facts(ctx, video)
	if err != nil {
		return false, when, err
	}
	says, media, err := sums(site, video, facts)
	if err != nil {
		return false, when, err
	}
	if says == told.Says && media == told.Media {
		return false, when, n.social.Heard(ctx, item)
	}
	quiet := item.At.Add(calm)
	if says == told.Says {
		quiet = last.Add(calm)
		if video.Media.State != store.Done && video.Media.State != store.Failed {
			quiet = last.Add(making)
		}
	}
	// A clock that was set back must not silence us.
	if now.Before(quiet) && quiet.Sub(now) <= making {
		return false, quiet, nil
	}
	if says != told.Says {
		told.EditedAt = now
	}
	told.Says, told.Media, facts.Edited = says, media, told.EditedAt
	update, err := outgoing(site.Update(video, facts, now), social.Person, social.Person, social.Group)
	if err != nil {
		return false, when, err
	}
	return true, when, n.social.Tell(ctx, item, told, update)
}

func outgoing(activity vocab.Object, by social.Target, to ...social.Target) (social.Outgoing, error) {
	body, err := json.Marshal(activity)
	if err != nil {
		return social.Outgoing{}, fmt.Errorf("write an activity: %w", err)
	}
	return social.Outgoing{URI: activity.ID(), By: by, Body: body, Followers: to}, nil
}

// saying lists what of an object is the creator's word; counting lists what changes by itself
// and is no news at all. The rest is about the media.
func saying() []string {
	return []string{"name", "content", "summary", "sensitive", "language", "licence", "tag", "commentsPolicy", "subtitleLanguage", "hasParts"}
}

func counting() []string {
	return []string{"views", "likes", "dislikes", "shares", "replies", "updated"}
}

// sums returns checksums of what an object says, and of the rest.
func sums(site vocab.Site, video store.Video, facts vocab.Facts) (says, media string, err error) {
	object := site.VideoObject(video, facts)
	words := vocab.Object{"chapters": video.Chapters}
	for _, name := range saying() {
		words[name] = object[name]
	}
	rest := maps.Clone(object)
	for _, name := range slices.Concat(saying(), counting()) {
		delete(rest, name)
	}
	if says, err = sum(words); err == nil {
		media, err = sum(rest)
	}
	return says, media, err
}

func sum(object vocab.Object) (string, error) {
	text, err := json.Marshal(object) // names in order
	if err != nil {
		return "", fmt.Errorf("sum up an object: %w", err)
	}
	hash := sha256.Sum256(text)
	return hex.EncodeToString(hash[:16]), nil
}
