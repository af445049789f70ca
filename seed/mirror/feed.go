package mirror

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// agent is how we call ourselves, so that a home server can let viewers go first.
const agent = "Tubelet-Mirror"

const (
	maxFeed    = 8 << 20  // bytes of a page
	maxFeeds   = 32 << 20 // of all pages: they are in memory at the same time
	maxTorrent = 8 << 20
	maxItems   = 2000 // of a feed
	maxPages   = 100  // of a feed
	maxOffered = 16   // torrents of an item: one for each rendition
	askTime    = time.Minute
)

var (
	errElsewhere = errors.New("it leads to another host")
	errGone      = errors.New("it is not there any more")
)

// item is what we read of a feed's item.
type item struct {
	URL         string `json:"url"`
	Title       string `json:"title"`
	Published   string `json:"date_published"`
	Attachments []struct {
		URL  string `json:"url"`
		Type string `json:"mime_type"`
	} `json:"attachments"`
}

// page is a JSON Feed.
type page struct {
	Version string `json:"version"`
	Title   string `json:"title"`
	Next    string `json:"next_url"`
	Items   []item `json:"items"`
}

// locate reads an address as a creator's friend gives it, and returns the channel's base and
// its feed.
func locate(address string) (base, feed string, err error) {
	if !strings.Contains(address, "://") {
		address = "https://" + address
	}
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
		return "", "", fmt.Errorf("%q is not the address of a channel", address)
	}
	base = u.Scheme + "://" + strings.ToLower(u.Host)
	if strings.HasSuffix(u.Path, ".json") {
		return base, base + u.EscapedPath(), nil
	}
	return base, base + "/feed.json", nil
}

// find looks a channel up.
func (m *Mirror) find(ctx context.Context, address string) (Listed, error) {
	if rest, ok := strings.CutPrefix(address, "@"); ok {
		name, host, ok := strings.Cut(rest, "@")
		if !ok || name == "" || host == "" || strings.ContainsAny(host, "/?#@\\") {
			return Listed{}, fmt.Errorf("%q is not @name@host", address)
		}
		var err error
		if address, err = m.finger(ctx, name, host); err != nil {
			return Listed{}, err
		}
	}
	base, feed, err := locate(address)
	if err != nil {
		return Listed{}, err
	}
	p, err := m.readFeed(ctx, feed)
	if err != nil {
		return Listed{}, err
	}
	return Listed{Base: base, Feed: feed, Title: p.Title, Added: time.Now().UTC().Truncate(time.Second)}, nil
}

// readFeed reads a feed, with the pages that follow on the same host.
func (m *Mirror) readFeed(ctx context.Context, feed string) (page, error) {
	whole, size, err := m.readPage(ctx, feed)
	if err != nil {
		return page{}, err
	}
	base, _, _ := locate(feed)
	next := whole.Next
	for range maxPages {
		if !onHost(next, base) || len(whole.Items) >= maxItems || size >= maxFeeds {
			break
		}
		p, n, err := m.readPage(ctx, next)
		size += n
		if err != nil || len(p.Items) == 0 {
			return whole, err // what was read is the newest
		}
		whole.Items = append(whole.Items, p.Items...)
		next = p.Next
	}
	whole.Items = whole.Items[:min(len(whole.Items), maxItems)]
	return whole, nil
}

func (m *Mirror) readPage(ctx context.Context, feed string) (p page, size int, err error) {
	text, err := m.get(ctx, feed, maxFeed)
	if err != nil {
		return page{}, 0, fmt.Errorf("read the feed %s: %w", feed, err)
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return page{}, 0, fmt.Errorf("read the feed %s: %w", feed, err)
	}
	if !strings.HasPrefix(p.Version, "https://jsonfeed.org/version/1") {
		return page{}, 0, fmt.Errorf("read the feed %s: it is not a JSON Feed", feed)
	}
	return p, len(text), nil
}

// published returns when a video came out. Who does not say so is old.
func (i item) published() time.Time {
	t, err := time.Parse(time.RFC3339, i.Published)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// torrents returns the addresses of the torrents that an item offers on its own host.
func (i item) torrents(base string) []string {
	var list []string
	for _, a := range i.Attachments {
		if a.Type == "application/x-bittorrent" && onHost(a.URL, base) && len(list) < maxOffered {
			list = append(list, a.URL)
		}
	}
	return list
}

// readTorrent fetches a torrent and finds its file on the same host.
func (m *Mirror) readTorrent(ctx context.Context, base, address string) (metainfo.Torrent, string, error) {
	text, err := m.get(ctx, address, maxTorrent)
	if err != nil {
		return metainfo.Torrent{}, "", fmt.Errorf("read the torrent %s: %w", address, err)
	}
	t, err := metainfo.Parse(text)
	if err != nil {
		return metainfo.Torrent{}, "", fmt.Errorf("read the torrent %s: %w", address, err)
	}
	for _, source := range metainfo.WebSeeds(text) {
		if onHost(source, base) {
			return t, source, nil
		}
	}
	return metainfo.Torrent{}, "", fmt.Errorf("read the torrent %s: it names no file on its own host", address)
}

// onHost reports whether an address is one of base's.
func onHost(address, base string) bool {
	u, err := url.Parse(address)
	return err == nil && u.User == nil && u.Scheme+"://"+strings.ToLower(u.Host) == base
}

// get fetches a small thing whole.
func (m *Mirror) get(ctx context.Context, address string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	resp, err := m.ask(ctx, address, "")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound, http.StatusGone:
		return nil, errGone
	default:
		return nil, fmt.Errorf("the server said %s", resp.Status)
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it is larger than %d bytes", limit)
	}
	return text, err
}

// ask sends a request, for a range of bytes if one is given.
func (m *Mirror) ask(ctx context.Context, address, byteRange string) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("User-Agent", agent)
	if byteRange != "" {
		req.Header.Set("Range", byteRange)
	}
	return m.client.Do(req)
}

// sameHost returns a client that follows no redirect to another host: a channel speaks for
// its own host only.
func sameHost(c *http.Client) *http.Client {
	careful := *c
	careful.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if len(via) > 3 || req.URL.Host != via[0].URL.Host || req.URL.Scheme != via[0].URL.Scheme {
			return errElsewhere
		}
		return nil
	}
	return &careful
}
