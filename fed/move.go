package fed

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// MoveTo tells followers to follow another actor instead, which must name this channel among
// its aliases already.
func (f *Fed) MoveTo(ctx context.Context, handle string) error {
	site, err := f.Site(ctx)
	if err != nil {
		return err
	}
	target, err := f.people.Find(ctx, handle)
	if err != nil {
		return err
	}
	object, err := f.remote.Object(ctx, target.URI, f.key(site.Person()))
	if err != nil {
		return err
	}
	if !slices.Contains(object.Refs("alsoKnownAs"), site.Person()) {
		return store.Errorf(store.ErrInvalid, "%s does not name %s as an alias yet; add it there first, then try again", handle, site.Person())
	}
	now := time.Now()
	site.Moved = target.URI
	return f.social.Together(ctx, true, func(s *social.Store) error {
		if err := s.SetMoved(ctx, target.URI); err != nil {
			return err
		}
		out := social.Outgoing{By: social.Person, Followers: []social.Target{social.Person}}
		if err := say(ctx, s, site.UpdateActor(site.Person(), now), out); err != nil {
			return err
		}
		return say(ctx, s, site.Move(site.Person(), target.URI, now), out)
	})
}

// AddAlias lets an actor elsewhere move its followers here.
func (f *Fed) AddAlias(ctx context.Context, handle string) error {
	actor, err := f.people.Find(ctx, handle)
	if err != nil {
		return err
	}
	return f.social.Together(ctx, true, func(s *social.Store) error { return s.AddAlias(ctx, actor.URI) })
}

// Retire ends the channel in the fediverse: followers hear that both actors are gone for good.
// There is no way back, since others never believe in an actor again that was deleted.
func (f *Fed) Retire(ctx context.Context) error {
	site, err := f.Site(ctx)
	if err != nil {
		return err
	}
	standing, err := f.social.Standing(ctx)
	if err != nil {
		return err
	}
	if !standing.Retired.IsZero() {
		return errors.New("the channel is retired already")
	}
	return f.social.Together(ctx, true, func(s *social.Store) error {
		if err := s.Retire(ctx, time.Now()); err != nil {
			return err
		}
		for _, target := range []social.Target{social.Person, social.Group} {
			gone := site.DeleteActor(id(site, target))
			if err := say(ctx, s, gone, social.Outgoing{By: target, Followers: []social.Target{social.Person, social.Group}}); err != nil {
				return err
			}
		}
		return nil
	})
}

// Step is one thing that was tried.
type Step struct {
	What   string
	Detail string
	Err    error // nil when it is all right
}

// Check tries, step by step, whether this channel and an actor elsewhere can hear each other.
// It stops at the first step that fails, since the others hang on it.
func (f *Fed) Check(ctx context.Context, handle string) ([]Step, error) {
	site, err := f.Site(ctx)
	if err != nil {
		return nil, err
	}
	var steps []Step
	var actor social.Actor
	for _, step := range []struct {
		what string
		try  func() (string, error)
	}{
		{"this channel answers at its own address", func() (string, error) { return site.Person(), f.reachable(ctx, site) }},
		{"the handle leads to an actor", func() (string, error) {
			actor, err = f.people.Find(ctx, handle)
			return actor.URI, err
		}},
		{"the actor answers, signed for, with its key and inbox", func() (string, error) { return f.look(ctx, site, actor) }},
		{"it is not blocked here", func() (string, error) {
			block, err := f.social.Blocked(ctx, actor.Acct, actor.Host)
			if errors.Is(err, store.ErrNotFound) {
				return "", nil
			}
			return block.Target, errors.Join(err, errors.New("it is blocked or muted"))
		}},
		{"its host is not given up", func() (string, error) { return f.notParked(ctx, actor.Host) }},
	} {
		detail, err := step.try()
		steps = append(steps, Step{step.what, vocab.Clean(detail, 300), err})
		if err != nil {
			break
		}
	}
	return steps, nil
}

func (f *Fed) look(ctx context.Context, site vocab.Site, actor social.Actor) (string, error) {
	object, err := f.remote.Object(ctx, actor.URI, f.key(site.Person()))
	if err != nil {
		return "", err
	}
	return object.Type() + ", " + object.Ref("inbox"), nil
}

func (f *Fed) notParked(ctx context.Context, name string) (string, error) {
	hosts, err := f.social.Hosts(ctx)
	if err != nil {
		return "", err
	}
	for _, host := range hosts {
		if host.Name == name && host.Parked {
			return host.Reason, errors.New("it has not answered for a week; nothing is sent until it speaks to us, or: tubelet federation retry")
		}
	}
	return name, nil
}
