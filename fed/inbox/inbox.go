// Package inbox takes in what other servers send: it bounds, verifies and stores, and
// does nothing else. What an activity means is worked out later, from the stored row, so
// that a sender has its answer in milliseconds and nothing is lost.
//
// What cannot be verified is refused at once with 401: some senders knock with another kind of
// signature first and try again.
package inbox

import (
	"context"
	"crypto/rsa"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"time"

	"github.com/tubelet/tubelet/fed/group"
	"github.com/tubelet/tubelet/fed/people"
	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/lite"
	"github.com/tubelet/tubelet/store/social"
)

const (
	maxBody  = 1 << 20
	maxGroup = 128 // activities stored by one commit
	maxID    = 2000
)

// Config is what New needs.
type Config struct {
	Store  *social.Store
	People *people.People
	Caller func(*http.Request) string // whom limits are for: the address of the connection
	Woken  func()                     // something was stored
	Log    *slog.Logger
}

// Inbox is the handler of both actors' inboxes and the shared one.
type Inbox struct {
	cfg    Config
	limits limits
	blocks *blocks
	rows   *group.Writer[social.Received, social.Intake]
}

// New returns an inbox.
func New(cfg Config) *Inbox {
	return &Inbox{
		cfg: cfg, limits: newLimits(), blocks: &blocks{store: cfg.Store},
		rows: group.New(maxGroup, func(ctx context.Context, list []social.Received) ([]social.Intake, error) {
			return cfg.Store.Receive(ctx, list, time.Now())
		}),
	}
}

// refusal is an answer other than 202.
type refusal struct {
	code   int
	reason string
}

func (r *refusal) Error() string { return r.reason }

// ServeHTTP takes one activity in.
func (b *Inbox) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := b.take(w, r)
	var refused *refusal
	var signature *sign.Error
	switch {
	case err == nil:
		w.WriteHeader(http.StatusAccepted)
	case errors.As(err, &refused):
		answer(w, refused.code, refused.reason)
	case errors.As(err, &signature):
		answer(w, http.StatusUnauthorized, signature.Error())
	case errors.Is(err, vocab.ErrMalformed):
		answer(w, http.StatusBadRequest, err.Error())
	default:
		b.cfg.Log.ErrorContext(r.Context(), "take in an activity", "err", err)
		answer(w, http.StatusInternalServerError, "something is wrong here; please try again")
	}
}

func answer(w http.ResponseWriter, code int, reason string) {
	h := w.Header()
	h.Set("Content-Type", "text/plain; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	if code == http.StatusTooManyRequests {
		h.Set("Retry-After", "60")
	}
	w.WriteHeader(code)
	_, _ = io.WriteString(w, reason+"\n") // the sender may be gone
}

func (b *Inbox) take(w http.ResponseWriter, r *http.Request) error {
	now, caller := time.Now(), b.cfg.Caller(r)
	if !b.limits.requests.Take(caller, now) {
		return &refusal{http.StatusTooManyRequests, "too many requests"}
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/activity+json" && kind != "application/ld+json" {
		return &refusal{http.StatusUnsupportedMediaType, "want application/activity+json"}
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return &refusal{http.StatusRequestEntityTooLarge, "want at most 1 MiB"}
	}
	signature, err := sign.Read(r, body, now) // before anything is parsed or fetched
	if err != nil {
		return err
	}
	activity, err := vocab.Parse(body)
	if err != nil {
		return err
	}
	name(activity, body)
	if err := check(activity, signature.KeyID); err != nil {
		return err
	}
	actor, err := b.verify(r.Context(), signature, activity, caller, now)
	if err != nil || actor.URI == "" {
		return err
	}
	return b.keep(r.Context(), activity, actor, body, now)
}

// name gives an activity an id that has none, which some small servers send: the same
// again for the same body.
func name(activity vocab.Object, body []byte) {
	if _, named := activity["id"]; !named && activity.Ref("actor") != "" {
		activity["id"] = fmt.Sprintf("%s#%x", activity.Ref("actor"), sha256.Sum256(body))
	}
}

// check checks what an activity must be before anybody is asked about it.
func check(activity vocab.Object, keyID string) error {
	id, actor := activity.ID(), activity.Ref("actor")
	if id == "" || activity.Type() == "" || actor == "" {
		return &refusal{http.StatusBadRequest, "an activity has an id, a type and an actor"}
	}
	if len(id) > maxID {
		return &refusal{http.StatusBadRequest, "want an id of at most 2000 bytes"} // it is kept for days
	}
	if !remote.SameHost(id, actor) {
		return &refusal{http.StatusUnauthorized, "the activity is not of its actor's host"}
	}
	// A server may pass on what somebody elsewhere wrote; on one host nobody speaks for another.
	if remote.SameHost(keyID, actor) || passable(activity) {
		return nil
	}
	return &refusal{http.StatusUnauthorized, "the key is not of the actor's host"}
}

// passable reports whether an activity may come from another server than its actor's: then
// it is only a hint to look at the object at its origin.
func passable(activity vocab.Object) bool {
	return activity.Is("Create", "Update", "Delete") && activity.Ref("object") != ""
}

// verify returns who signed. Nobody, without an error, means an activity that can have no effect:
// the deletion of an actor that is gone, whose key nobody can give us any more.
func (b *Inbox) verify(ctx context.Context, signature sign.Signature, activity vocab.Object, caller string, now time.Time) (social.Actor, error) {
	known := b.cfg.People.Known(ctx, signature.KeyID)
	// Servers tell everybody whose account is gone. Nobody can give us its key any more, and
	// of somebody we never heard of there is nothing to delete.
	if !known && activity.Is("Delete") && activity.Ref("object") == activity.Ref("actor") {
		if _, err := b.cfg.Store.Actor(ctx, activity.Ref("actor")); errors.Is(err, lite.ErrNotFound) {
			return social.Actor{}, nil
		}
	}
	if !known && !b.limits.fetches.Take(caller, now) {
		return social.Actor{}, &refusal{http.StatusTooManyRequests, "too many unknown keys"}
	}
	actor, key, err := b.cfg.People.ByKey(ctx, signature.KeyID)
	var status *remote.StatusError
	if errors.As(err, &status) && status.Gone() && activity.Is("Delete") {
		return social.Actor{}, nil
	}
	if errors.Is(err, people.ErrStore) { // the disk is full: whoever is told 401 may not try again
		return social.Actor{}, err
	}
	if errors.As(err, &status) && status.Code == http.StatusTooManyRequests { // ours or theirs
		return social.Actor{}, &refusal{http.StatusTooManyRequests, "your server was asked for too many keys"}
	}
	if err != nil {
		b.cfg.Log.DebugContext(ctx, "cannot find a key", "key", signature.KeyID, "err", err)
		return social.Actor{}, &refusal{http.StatusUnauthorized, "the key cannot be found"}
	}
	if err = signature.Verify(key); err != nil && known {
		actor, key, err = b.rekeyed(ctx, actor, caller, now, err)
		if err == nil {
			err = signature.Verify(key)
		}
	}
	if err != nil {
		return social.Actor{}, err
	}
	if author := activity.Ref("actor"); author != actor.URI && remote.SameHost(author, actor.URI) {
		return social.Actor{}, &refusal{http.StatusUnauthorized, "signed by another actor"}
	}
	return actor, nil
}

// rekeyed asks for a key anew that did not fit; refused is what to say when that was done lately.
func (b *Inbox) rekeyed(ctx context.Context, actor social.Actor, caller string, now time.Time, refused error) (social.Actor, *rsa.PublicKey, error) {
	if !b.limits.fetches.Take(caller, now) {
		return social.Actor{}, nil, refused
	}
	actor, key, err := b.cfg.People.Rekey(ctx, actor, now)
	if err != nil {
		return social.Actor{}, nil, refused
	}
	return actor, key, nil
}

// keep stores a verified activity, unless the creator does not want to hear the actor.
func (b *Inbox) keep(ctx context.Context, activity vocab.Object, actor social.Actor, body []byte, now time.Time) error {
	blocked, err := b.blocks.blocked(ctx, actor.Acct, actor.Host, now)
	if err != nil {
		return err
	}
	if blocked {
		return &refusal{http.StatusForbidden, "blocked"}
	}
	if !b.limits.activities.Take(remote.Domain(actor.Host), now) {
		return &refusal{http.StatusTooManyRequests, "too many activities"}
	}
	intake, err := b.rows.Do(ctx, social.Received{Activity: activity.ID(), Actor: actor.URI, Host: actor.Host, Body: body})
	if err != nil {
		return err
	}
	switch intake {
	case social.Fresh:
		b.cfg.Woken()
	case social.Full:
		return &refusal{http.StatusTooManyRequests, "too many activities wait already"}
	}
	return nil
}
