package remote

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/fed/sign"
	"github.com/tubelet/tubelet/fed/vocab"
)

const (
	activityType = "application/activity+json"
	linkedType   = "application/ld+json"
	profile      = "https://www.w3.org/ns/activitystreams"
)

// ErrNotObject means that an answer is no ActivityPub object, or not the one that was asked
// for: a file that somebody uploaded to a server must never count as its word.
var ErrNotObject = errors.New("not an ActivityPub object of that address")

// Object fetches the object with that id, signed with key. The object that comes must have
// the id at whose address it was found; one that says it has another on the same host is
// fetched from there once.
func (c *Client) Object(ctx context.Context, id string, key sign.Key) (vocab.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	for range 2 {
		object, final, err := c.object(ctx, id, key)
		if err != nil {
			return nil, err
		}
		named := withoutFragment(object.ID())
		if named == final || named == withoutFragment(id) && SameHost(id, final) {
			return object, nil
		}
		if !SameHost(named, final) {
			break
		}
		id = named
	}
	return nil, fmt.Errorf("fetch %s: %w", id, ErrNotObject)
}

func withoutFragment(address string) string {
	address, _, _ = strings.Cut(address, "#")
	return address
}

// object fetches an object and tells from which address in the end.
func (c *Client) object(ctx context.Context, id string, key sign.Key) (vocab.Object, string, error) {
	accept := activityType + ", " + linkedType + `; profile="` + profile + `"`
	body, answer, err := c.get(ctx, withoutFragment(id), accept, &key, maxJSON)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", id, err)
	}
	if !isActivity(answer.Header.Get("Content-Type")) {
		return nil, "", fmt.Errorf("fetch %s: %w: it is %q", id, ErrNotObject, answer.Header.Get("Content-Type"))
	}
	object, err := vocab.Parse(body)
	if err != nil {
		return nil, "", fmt.Errorf("fetch %s: %w", id, err)
	}
	return object, answer.Request.URL.String(), nil
}

// isActivity reports whether a content type is that of ActivityPub (its section 3.2).
func isActivity(text string) bool {
	kind, params, err := mime.ParseMediaType(text)
	if err != nil {
		return false
	}
	return kind == activityType || kind == linkedType && slices.Contains(strings.Fields(params["profile"]), profile)
}

// JSON fetches another JSON document, such as WebFinger's, unsigned.
func (c *Client) JSON(ctx context.Context, address, accept string) (vocab.Object, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	body, answer, err := c.get(ctx, address, accept, nil, maxJSON)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	if kind, _, _ := mime.ParseMediaType(answer.Header.Get("Content-Type")); kind != "application/json" && !strings.HasSuffix(kind, "+json") {
		return nil, fmt.Errorf("fetch %s: it is %q, not JSON", address, kind)
	}
	object, err := vocab.Parse(body)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	return object, nil
}

// Picture fetches the bytes of a picture, unsigned. They are a stranger's: decode and
// re-encode them before anybody sees them.
func (c *Client) Picture(ctx context.Context, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, wholeTime)
	defer cancel()
	body, _, err := c.get(ctx, address, "image/webp, image/jpeg, image/png, image/gif", nil, maxPicture)
	if err != nil {
		return nil, fmt.Errorf("fetch %s: %w", address, err)
	}
	return body, nil
}

// get fetches an address and follows redirects, each of which is checked like the
// first. A signed request stays on its host: a key's word is only worth something there.
func (c *Client) get(ctx context.Context, address, accept string, key *sign.Key, limit int64) ([]byte, *http.Response, error) {
	for range maxRedirects + 1 {
		u, err := c.Check(address)
		if err != nil {
			return nil, nil, err
		}
		answer, err := c.ask(ctx, u, accept, key)
		if err != nil {
			return nil, nil, err
		}
		next, moved := redirect(answer)
		if !moved {
			body, err := read(answer, limit)
			return body, answer, err
		}
		answer.Body.Close()
		if key != nil && Host(next) != Host(u) || u.Scheme == "https" && next.Scheme != "https" {
			return nil, nil, fmt.Errorf("%w: redirected to %s", ErrForbidden, next.Host)
		}
		address = next.String()
	}
	return nil, nil, fmt.Errorf("more than %d redirects", maxRedirects)
}

func (c *Client) ask(ctx context.Context, u *url.URL, accept string, key *sign.Key) (*http.Response, error) {
	if !c.pace.Take(Domain(Host(u)), time.Now()) {
		return nil, fmt.Errorf("%s was asked very often: %w", u.Host, &StatusError{Code: http.StatusTooManyRequests})
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	r.Header.Set("Accept", accept)
	r.Header.Set("User-Agent", c.cfg.Agent)
	if key != nil {
		if err := key.Sign(r, nil); err != nil {
			return nil, err
		}
	}
	answer, err := c.http.Do(r)
	return answer, plain(err)
}

// redirect tells where an answer sends us.
func redirect(answer *http.Response) (*url.URL, bool) {
	switch answer.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, false
	}
	next, err := answer.Location()
	return next, err == nil
}

// read returns the body of a success, whole or not at all.
func read(answer *http.Response, limit int64) ([]byte, error) {
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, &StatusError{answer.StatusCode, retryAfter(answer.Header)}
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("the answer is longer than %d bytes", limit)
	}
	return body, nil
}
