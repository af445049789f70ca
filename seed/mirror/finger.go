package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

const maxFinger = 64 << 10 // bytes

// finger asks a host where the channel of an account is (WebFinger, RFC 7033): a channel's
// handle may have another host than its pages. A host that does not answer is taken for the
// channel's own.
func (m *Mirror) finger(ctx context.Context, name, host string) (address string, err error) {
	scheme := "https://"
	if bare, _, err := net.SplitHostPort(host); homely(host) || err == nil && homely(bare) {
		scheme = "http://"
	}
	account := "acct:" + name + "@" + host
	text, err := m.get(ctx, scheme+host+"/.well-known/webfinger?resource="+url.QueryEscape(account), maxFinger)
	if errors.Is(err, errGone) {
		return scheme + host, nil
	} else if err != nil {
		return "", fmt.Errorf("look for %s: %w", account, err)
	}
	var found struct {
		Subject string `json:"subject"`
		Links   []struct {
			Rel  string `json:"rel"`
			Type string `json:"type"`
			Href string `json:"href"`
		} `json:"links"`
	}
	if err := json.Unmarshal(text, &found); err != nil {
		return "", fmt.Errorf("look for %s: %w", account, err)
	}
	if !strings.EqualFold(found.Subject, account) {
		return "", fmt.Errorf("look for %s: %s tells of %.100q", account, host, found.Subject)
	}
	for _, l := range found.Links {
		u, err := url.Parse(l.Href)
		if err == nil && l.Rel == "self" && u.Host != "" && u.User == nil && u.Scheme+"://" == scheme {
			return scheme + strings.ToLower(u.Host), nil
		}
	}
	return "", fmt.Errorf("look for %s: %s names no channel", account, host)
}
