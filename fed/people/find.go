package people

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/tubelet/tubelet/fed/remote"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store/social"
)

// Find returns the actor with a handle such as @ada@peer.example, by WebFinger (RFC 7033).
func (p *People) Find(ctx context.Context, handle string) (social.Actor, error) {
	answer, err := p.finger(ctx, handle)
	if err != nil {
		return social.Actor{}, err
	}
	for _, link := range answer.Inners("links") {
		if link.Text("rel") == "self" && strings.Contains(link.Text("type"), "json") {
			return p.Actor(ctx, link.Text("href"))
		}
	}
	return social.Actor{}, fmt.Errorf("%s has no actor: %w", handle, ErrUnknown)
}

// FollowPage returns where somebody follows or answers from: the page of the handle's own server
// that takes the given address, by its subscribe template.
func (p *People) FollowPage(ctx context.Context, handle, address string) (string, error) {
	answer, err := p.finger(ctx, handle)
	if err != nil {
		return "", err
	}
	for _, link := range answer.Inners("links") {
		template := link.Text("template")
		if link.Text("rel") == "http://ostatus.org/schema/1.0/subscribe" && strings.HasPrefix(template, "https://") && strings.Contains(template, "{uri}") {
			return strings.ReplaceAll(template, "{uri}", url.QueryEscape(address)), nil
		}
	}
	return "", fmt.Errorf("%s: its server has no page to follow from: %w", handle, ErrUnknown)
}

func (p *People) finger(ctx context.Context, handle string) (vocab.Object, error) {
	user, host, found := strings.Cut(strings.TrimPrefix(handle, "@"), "@")
	if !found || user == "" || strings.ContainsAny(host, "/?#@ ") {
		return nil, fmt.Errorf("%q is no handle like @name@host: %w", handle, ErrUnknown)
	}
	address := "https://" + host + "/.well-known/webfinger?resource=" + url.QueryEscape("acct:"+user+"@"+host)
	if p.failedLately(address) {
		return nil, fmt.Errorf("%s failed lately: %w", handle, ErrUnknown)
	}
	answer, err := p.cfg.Remote.JSON(ctx, address, "application/jrd+json, application/json")
	if err != nil {
		p.fail(address)
		return nil, err
	}
	subject, _ := strings.CutPrefix(strings.ToLower(answer.Text("subject")), "acct:")
	u, err := url.Parse("https://" + subject[strings.LastIndexByte(subject, '@')+1:])
	if err != nil || remote.Host(u) == "" {
		return nil, fmt.Errorf("%s: its server tells of %q: %w", handle, vocab.Clean(subject, longName), ErrUnknown)
	}
	return answer, nil
}
