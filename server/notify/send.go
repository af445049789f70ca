package notify

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/tubelet/tubelet/store"
)

// sender sends a message one way.
type sender func(context.Context, Message) error

// settings is what the creator says about it.
type settings struct {
	value   map[string]string
	channel string // @handle@domain
	base    string
	host    string
	made    time.Time // the channel
	every   time.Duration
}

// Names of the ways, which are also what they are remembered by.
const (
	byWeb  = "url"
	byMail = "smtp"
)

// open reads the settings and returns the ways that are set up.
func open(ctx context.Context, db *store.Store) (map[string]sender, settings, error) {
	cfg := settings{value: map[string]string{}}
	list, err := db.Settings(ctx)
	if err != nil {
		return nil, cfg, err
	}
	for _, s := range list {
		cfg.value[s.Key] = s.Value
	}
	if cfg.value["notify.url"] == "" && cfg.value["notify.smtp"] == "" {
		return nil, cfg, nil
	}
	channel, err := db.Channel(ctx)
	if err != nil {
		return nil, cfg, err
	}
	cfg.channel, cfg.base, cfg.host, cfg.made = "@"+channel.Handle+"@"+channel.Domain, channel.Base(), channel.Domain, channel.CreatedAt
	if cfg.every, err = store.ParseInterval(cfg.value["notify.every"]); err != nil {
		return nil, cfg, err
	}
	ways := map[string]sender{}
	if cfg.value["notify.url"] != "" {
		ways[byWeb] = cfg.post
	}
	if cfg.value["notify.smtp"] != "" {
		ways[byMail] = cfg.mail
	}
	return ways, cfg, nil
}

// Ways returns the names of the ways that are set up.
func Ways(ctx context.Context, db *store.Store) ([]string, error) {
	ways, _, err := open(ctx, db)
	var names []string
	for _, name := range []string{byWeb, byMail} {
		if ways[name] != nil {
			names = append(names, name)
		}
	}
	return names, err
}

// Try sends a test message by one way.
func Try(ctx context.Context, db *store.Store, name string) error {
	ways, cfg, err := open(ctx, db)
	if err != nil {
		return err
	}
	if ways[name] == nil {
		return store.Errorf(store.ErrNotFound, "%s is not set up", name)
	}
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	return ways[name](ctx, Message{
		Kind: Test, Channel: cfg.channel, URL: cfg.base, At: time.Now(), Title: "A test of " + cfg.channel, Text: "Messages of your channel arrive here.",
	})
}

// hook is what a webhook gets. Keys may be added; none changes its meaning.
type hook struct {
	Schema  int       `json:"schema"`
	Event   Kind      `json:"event"`
	Channel string    `json:"channel"`
	URL     string    `json:"url"`
	Title   string    `json:"title"`
	Text    string    `json:"text"`
	Items   []Item    `json:"items"`
	At      time.Time `json:"at"`
}

// post sends to a webhook, or to an ntfy topic.
func (cfg settings) post(ctx context.Context, m Message) error {
	headers, body := http.Header{"Content-Type": {"application/json"}}, []byte(nil)
	if cfg.value["notify.format"] == "ntfy" {
		headers = http.Header{
			"Content-Type": {"text/plain; charset=utf-8"}, "Title": {mime.QEncoding.Encode("utf-8", m.Title)}, "Click": {m.URL}, "Tags": {"tv"},
		}
		if m.Kind != Digest && m.Kind != Test {
			headers.Set("Priority", "4")
		}
		body = []byte(m.Text)
	} else {
		text, err := json.Marshal(hook{1, m.Kind, m.Channel, m.URL, m.Title, m.Text, append([]Item{}, m.Items...), m.At.UTC()})
		if err != nil {
			return fmt.Errorf("write a message: %w", err)
		}
		body = text
	}
	return deliver(ctx, cfg.value["notify.url"], headers, body)
}

// deliver posts. The address may hold a secret, so no error names it.
func deliver(ctx context.Context, address string, headers http.Header, body []byte) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return errors.New("notify.url is no address that can be posted to")
	}
	r.Header = headers
	r.Header.Set("User-Agent", "Tubelet")
	client := &http.Client{
		Transport: &http.Transport{Proxy: nil, DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: sendTime / 2}).DialContext},
		// What was meant for one must not go to another.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	answer, err := client.Do(r)
	if err != nil {
		if inner, ok := errors.AsType[*url.Error](err); ok {
			err = inner.Err
		}
		return fmt.Errorf("post to %s: %w", cmp.Or(r.URL.Hostname(), "notify.url"), err)
	}
	defer answer.Body.Close()
	_, _ = io.Copy(io.Discard, io.LimitReader(answer.Body, 4<<10)) // what it says is no matter
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s answered %d", r.URL.Hostname(), answer.StatusCode)
	}
	return nil
}
