// Package people knows the actors of other servers: their keys, inboxes and names, as
// they describe themselves. It asks their servers, believes what a server says about its
// own actors only, and remembers the answers in the store.
package people

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/tubelet/tubelet/fed/pace"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

const (
	stale    = 24 * time.Hour   // after which an actor is asked for anew before it matters
	settled  = 5 * time.Minute  // before which a key that does not fit is not asked for again
	patience = 10 * time.Minute // during which what failed is not tried again
	failures = 1000             // remembered at once
	often    = 5 * time.Second  // before which an actor does not change again
	held     = 2000             // keys at hand
	renewed  = 6 * time.Second  // between keys of one domain that are fetched anew
	longName = 100
	longID   = 2000 // bytes of any address of an actor
	longKey  = 8192 // bytes of a key

	renewedAtOnce = 30
)

// ErrUnknown means that nobody could be found who is meant.
var ErrUnknown = errors.New("unknown actor")

// ErrLately is ErrUnknown for what failed a short while ago and was not tried again.
var ErrLately = fmt.Errorf("failed lately: %w", ErrUnknown)

// ErrStore means that the fault is not the other side's: what was found could not be looked up or
// kept here.
var ErrStore = errors.New("the store failed")

// Config is what New needs.
type Config struct {
	Store  *social.Store
	Remote *remote.Client
	Key    sign.Key // signs what is asked
}

// People finds actors. It is safe for concurrent use.
type People struct {
	cfg  Config
	anew *pace.Turns[string] // keys that are fetched anew, by registered domain

	mu     sync.Mutex
	failed map[string]failure // when it may be tried again, by address
	keys   map[string]holder  // of who spoke to us lately, by key id
}

// holder is an actor with its key, ready for use.
type holder struct {
	actor  social.Actor
	key    *rsa.PublicKey
	loaded time.Time
}

// New returns a finder of actors.
func New(cfg Config) *People {
	return &People{
		cfg: cfg, failed: map[string]failure{}, keys: map[string]holder{},
		anew: &pace.Turns[string]{Every: renewed, AtOnce: renewedAtOnce, Most: failures},
	}
}

// ByKey returns the actor whose key has that id, and the key. Unknown ones are fetched.
func (p *People) ByKey(ctx context.Context, keyID string) (social.Actor, *rsa.PublicKey, error) {
	actor, key, err := p.atHand(ctx, keyID)
	if errors.Is(err, lite.ErrNotFound) {
		return p.fetchKey(ctx, keyID)
	}
	return actor, key, err
}

// Known reports whether a key is at hand, so that no fetch is needed for it.
func (p *People) Known(ctx context.Context, keyID string) bool {
	_, _, err := p.atHand(ctx, keyID)
	return err == nil
}

// atHand returns an actor and its key without asking anybody, or lite.ErrNotFound.
func (p *People) atHand(ctx context.Context, keyID string) (social.Actor, *rsa.PublicKey, error) {
	p.mu.Lock()
	known, there := p.keys[keyID]
	p.mu.Unlock()
	if there && time.Since(known.loaded) < settled {
		return known.actor, known.key, nil
	}
	actor, err := p.cfg.Store.ActorByKey(ctx, keyID)
	if errors.Is(err, lite.ErrNotFound) {
		actor, err = p.cfg.Store.Actor(ctx, keyID) // PeerTube names the actor where others name the key
	}
	if err != nil && !errors.Is(err, lite.ErrNotFound) {
		err = fmt.Errorf("%w: %w", ErrStore, err)
	}
	if err != nil {
		return social.Actor{}, nil, err
	}
	key, err := sign.ParseKey(actor.KeyPEM)
	if err == nil {
		p.hold(keyID, actor, key)
	}
	return actor, key, err
}

func (p *People) hold(keyID string, actor social.Actor, key *rsa.PublicKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for other := range p.keys { // any will do: the busy ones come back
		if len(p.keys) < held {
			break
		}
		delete(p.keys, other)
	}
	actor.KeyPEM = "" // it is there twice already
	p.keys[keyID] = holder{actor, key, time.Now()}
}

// Forget drops an actor who is gone, or blocked, from what is at hand.
func (p *People) Forget(actor social.Actor) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.keys, actor.KeyID)
	delete(p.keys, actor.URI)
}

// Rekey fetches a key anew that did not fit, since actors change theirs. It reports ErrUnknown
// when it was fetched only lately, or many of its domain were, which is how often strangers can
// make us ask.
func (p *People) Rekey(ctx context.Context, known social.Actor, now time.Time) (social.Actor, *rsa.PublicKey, error) {
	actor, err := p.cfg.Store.Actor(ctx, known.URI) // what is at hand may be older than the last time
	if err != nil {
		return social.Actor{}, nil, err
	}
	if now.Sub(actor.FetchedAt).Abs() < settled || !p.anew.Take(remote.Domain(actor.Host), now) { // far ahead is a clock that was
		return social.Actor{}, nil, ErrUnknown
	}
	p.Forget(actor) // by whichever id
	return p.fetchKey(ctx, actor.KeyID)
}

func (p *People) fetchKey(ctx context.Context, keyID string) (social.Actor, *rsa.PublicKey, error) {
	actor, err := p.fetch(ctx, keyID)
	if err != nil {
		return social.Actor{}, nil, err
	}
	if actor.KeyID != keyID && actor.URI != keyID {
		return social.Actor{}, nil, fmt.Errorf("key %s: its owner has another: %w", keyID, ErrUnknown)
	}
	key, err := sign.ParseKey(actor.KeyPEM)
	if err == nil {
		p.hold(keyID, actor, key)
	}
	return actor, key, err
}

// Actor returns an actor by id, as remembered when that is not long ago.
func (p *People) Actor(ctx context.Context, uri string) (social.Actor, error) {
	actor, err := p.cfg.Store.Actor(ctx, uri)
	if err == nil && time.Since(actor.FetchedAt) < stale {
		return actor, nil
	}
	if err != nil && !errors.Is(err, lite.ErrNotFound) {
		return social.Actor{}, err
	}
	fresh, fetchErr := p.fetch(ctx, uri)
	if fetchErr != nil && err == nil {
		return actor, nil // the old description is better than none
	}
	return fresh, fetchErr
}

// Refresh asks for an actor anew who says to have changed, as often as that is sane.
func (p *People) Refresh(ctx context.Context, uri string) (social.Actor, error) {
	actor, err := p.cfg.Store.Actor(ctx, uri)
	if err == nil && time.Since(actor.FetchedAt) < often {
		return actor, nil
	}
	return p.fetch(ctx, uri)
}

// fetch asks for an actor and remembers it.
func (p *People) fetch(ctx context.Context, uri string) (social.Actor, error) {
	if err := p.failedLately(uri); err != nil {
		return social.Actor{}, fmt.Errorf("%s: %w", uri, err)
	}
	object, err := p.cfg.Remote.Object(ctx, uri, p.cfg.Key)
	if err == nil && object.Ref("owner") != "" && object.Text("publicKeyPem") != "" {
		object, err = p.cfg.Remote.Object(ctx, object.Ref("owner"), p.cfg.Key) // a key document of its own
	}
	var actor social.Actor
	if err == nil {
		actor, err = read(object, uri)
	}
	if err == nil {
		err = p.confirm(ctx, actor, uri)
	}
	if err != nil {
		p.fail(uri, err)
		return social.Actor{}, err
	}
	if old, err := p.cfg.Store.Actor(ctx, actor.URI); err == nil && old.AvatarURL == actor.AvatarURL {
		actor.Avatar = old.Avatar
	}
	actor.FetchedAt = time.Now()
	if actor.ID, err = p.cfg.Store.SaveActor(ctx, actor); err != nil {
		err = fmt.Errorf("%w: %w", ErrStore, err)
	}
	return actor, err
}

// confirm makes sure that a key's id is not that of somebody else on the actor's server, whose
// words could then not be verified any more. An id below the actor's own is the actor's, as is
// the one that led here; of another the document behind it decides.
func (p *People) confirm(ctx context.Context, actor social.Actor, asked string) error {
	document, _, _ := strings.Cut(actor.KeyID, "#")
	if document == actor.URI || strings.HasPrefix(document, actor.URI+"/") || asked == actor.KeyID {
		return nil
	}
	object, err := p.cfg.Remote.Object(ctx, actor.KeyID, p.cfg.Key)
	if err != nil {
		return err
	}
	if object.ID() != actor.URI && object.Ref("owner") != actor.URI {
		return fmt.Errorf("%s: its key is another's: %w", actor.URI, ErrUnknown)
	}
	return nil
}

// read takes an actor from its own description, which was fetched for asked. Only what is on the
// actor's own host is its own.
func read(o vocab.Object, asked string) (social.Actor, error) {
	id := o.ID()
	key, _ := o.Inner("publicKey")
	actor := social.Actor{
		URI: id, Kind: o.Type(), Inbox: o.Ref("inbox"), KeyID: key.ID(), KeyPEM: key.Text("publicKeyPem"),
		Name: vocab.Clean(o.Text("name"), longName), URL: o.Ref("url"), AvatarURL: picture(o),
	}
	if !o.Is("Person", "Group", "Service", "Application", "Organization") || !remote.SameHost(id, asked) {
		return social.Actor{}, fmt.Errorf("%s is a %q, no actor of that host: %w", id, vocab.Clean(o.Type(), 20), ErrUnknown)
	}
	if key.Ref("owner") != id || !remote.SameHost(actor.KeyID, id) || !remote.SameHost(actor.Inbox, id) {
		return social.Actor{}, fmt.Errorf("%s: its key or inbox is not its own: %w", id, ErrUnknown)
	}
	u, err := url.Parse(id)
	if err != nil || max(len(id), len(actor.KeyID), len(actor.Inbox)) > longID || len(actor.KeyPEM) > longKey {
		return social.Actor{}, fmt.Errorf("%s: its addresses or its key are too long: %w", vocab.Clean(id, longName), ErrUnknown)
	}
	actor.Host = remote.Host(u)
	actor.Domain = remote.Domain(actor.Host)
	name := vocab.Clean(o.Text("preferredUsername"), longName)
	if name == "" || strings.ContainsAny(name, "@/ <>\"") {
		return social.Actor{}, fmt.Errorf("%s has no user name: %w", id, ErrUnknown)
	}
	actor.Acct = "@" + name + "@" + actor.Host
	if actor.Name == "" {
		actor.Name = name
	}
	if !isWeb(actor.URL) {
		actor.URL = id
	}
	actor.SharedInbox = actor.Inbox
	if endpoints, ok := o.Inner("endpoints"); ok && remote.SameHost(endpoints.Ref("sharedInbox"), id) && len(endpoints.Ref("sharedInbox")) <= longID {
		actor.SharedInbox = endpoints.Ref("sharedInbox")
	}
	return actor, nil
}

// picture returns the address of an actor's avatar.
func picture(o vocab.Object) string {
	icon, ok := o.Inner("icon")
	if !ok {
		return ""
	}
	if address := icon.Ref("url"); isWeb(address) {
		return address
	}
	return ""
}

// isWeb reports whether an address may be linked to.
func isWeb(address string) bool {
	u, err := url.Parse(address)
	return err == nil && (u.Scheme == "https" || u.Scheme == "http") && u.Host != "" && len(address) < 2000
}

// failure is until when an address is left alone, and what it answered, if it did.
type failure struct {
	until  time.Time
	status *remote.StatusError
}

// failedLately returns ErrLately for an address that is left alone, and what it answered then.
func (p *People) failedLately(uri string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	f, there := p.failed[uri]
	switch {
	case !there || !time.Now().Before(f.until):
		return nil
	case f.status != nil:
		return fmt.Errorf("%w: %w", ErrLately, f.status)
	}
	return ErrLately
}

// fail has an address left alone for a while. What says nothing of the address does not count:
// whoever asked us has gone, or it was asked too often, by us or by others.
func (p *People) fail(uri string, err error) {
	wait := patience
	status, answered := errors.AsType[*remote.StatusError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return
	case answered && status.Code == http.StatusTooManyRequests:
		wait = min(status.RetryAfter, patience)
	}
	if wait == 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.failed) >= failures {
		clear(p.failed)
	}
	p.failed[uri] = failure{time.Now().Add(wait), status}
}
