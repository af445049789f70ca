package people

import (
	"context"
	"fmt"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// Find returns the actor with a handle such as @ada@peer.example, by WebFinger (RFC 7033). A
// handle may be of another host than its actor; then both hosts have to say so.
func (p *People) Find(ctx context.Context, handle string) (social.Actor, error) {
	answer, asked, err := p.finger(ctx, handle)
	if err != nil {
		return social.Actor{}, err
	}
	id := self(answer)
	if id == "" {
		return social.Actor{}, fmt.Errorf("%s has no actor: %w", handle, ErrUnknown)
	}
	actor, err := p.Actor(ctx, id)
	if err != nil {
		return social.Actor{}, err
	}
	if strings.EqualFold(actor.Acct, asked) {
		return actor, nil
	}
	back, other, err := p.finger(ctx, actor.Acct)
	if err != nil {
		return social.Actor{}, err
	}
	if !strings.EqualFold(other, asked) || self(back) != actor.URI {
		return social.Actor{}, fmt.Errorf("%s leads to %s, which does not know of it: %w", asked, actor.Acct, ErrUnknown)
	}
	return actor, nil
}

// self returns the id of the actor that a WebFinger answer is about.
func self(answer vocab.Object) string {
	for _, link := range answer.Inners("links") {
		if link.Text("rel") == "self" && strings.Contains(link.Text("type"), "json") {
			return link.Text("href")
		}
	}
	return ""
}

// FollowPage returns where somebody follows or answers from: the page of the handle's own server
// that takes the given address, by its subscribe template.
func (p *People) FollowPage(ctx context.Context, handle, address string) (string, error) {
	answer, _, err := p.finger(ctx, handle)
	if err != nil {
		return "", err
	}
	if page := followPage(answer, address); page != "" {
		return page, nil
	}
	return "", fmt.Errorf("%s: its server has no page to follow from: %w", handle, ErrUnknown)
}

// followPage fills the subscribe template of a WebFinger answer; "" means that it has none.
func followPage(answer vocab.Object, address string) string {
	for _, link := range answer.Inners("links") {
		template := link.Text("template")
		if link.Text("rel") == "http://ostatus.org/schema/1.0/subscribe" && strings.HasPrefix(template, "https://") && strings.Contains(template, "{uri}") {
			return strings.ReplaceAll(template, "{uri}", url.QueryEscape(address))
		}
	}
	return ""
}

// finger asks the host of a handle about it. It returns the answer, and the handle that this
// is about in the one form in which handles are compared: what was asked, or what its host
// says is the proper one.
func (p *People) finger(ctx context.Context, handle string) (answer vocab.Object, proper string, err error) {
	user, host, err := parse(handle)
	if err != nil {
		return nil, "", err
	}
	address := p.cfg.Remote.Base(host) + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:"+user+"@"+host)
	if err := p.failedLately(address); err != nil {
		return nil, "", fmt.Errorf("%s: %w", handle, err)
	}
	answer, err = p.cfg.Remote.JSON(ctx, address, "application/jrd+json, application/json")
	if err != nil {
		p.fail(address, err)
		return nil, "", err
	}
	if proper = subject(answer); proper == "" {
		return nil, "", fmt.Errorf("%s: its server tells of %q: %w", handle, vocab.Clean(answer.Text("subject"), longName), ErrUnknown)
	}
	return answer, proper, nil
}

// subject returns the handle that a WebFinger answer is about, "" when it is about none.
func subject(answer vocab.Object) string {
	account, isAccount := strings.CutPrefix(answer.Text("subject"), "acct:")
	name, host, err := parse(account)
	if !isAccount || err != nil {
		return ""
	}
	return "@" + name + "@" + host
}

// parse takes a handle apart; its host comes in the form in which hosts are compared.
func parse(handle string) (user, host string, err error) {
	user, rest, found := strings.Cut(strings.TrimPrefix(strings.TrimSpace(handle), "@"), "@")
	u, err := url.Parse("https://" + rest)
	if !found || user == "" || !utf8.ValidString(handle) || strings.ContainsAny(user, "/?# <>\"%") || strings.ContainsAny(rest, "/?#@ %[") || err != nil || remote.Host(u) == "" {
		return "", "", fmt.Errorf("%q is no handle like @name@host: %w", vocab.Clean(handle, longName), ErrUnknown)
	}
	return user, remote.Host(u), nil
}
