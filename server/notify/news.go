package notify

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/server/certs"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const (
	most       = 200 // comments and followers that one digest counts
	shown      = 20  // of them that it shows
	longText   = 300 // characters of one
	remind     = 7 * 24 * time.Hour
	jobsEvery  = 10 * time.Minute
	lowSpace   = 0.10
	roomAgain  = 0.12 // so that a disk at the edge does not tell each minute
	certTime   = 10 * 24 * time.Hour
	handBackup = 8 * 24 * time.Hour // where backups are made by hand
	attempts   = 3                  // to get a first certificate, before that is news
	holds      = 6                  // of them, which is a quarter of an hour without an attempt
)

// news is something to tell: a message, none where only the memory changes, and what is to
// be remembered afterwards.
type news struct {
	message Message
	told    func(*memory)
}

// news looks at everything.
func (w *Watcher) news(ctx context.Context, cfg settings, m memory, now time.Time) ([]news, error) {
	var list []news
	for _, look := range []func(context.Context, settings, memory, time.Time) (*news, error){w.jobs, w.certificate, w.disk, w.backup, w.digest} {
		n, err := look(ctx, cfg, m, now)
		if err != nil {
			return nil, err
		}
		if n != nil {
			list = append(list, *n)
		}
	}
	return list, nil
}

// lasting is news of a state that lasts: told when it begins, and each week again.
func lasting(m memory, kind Kind, bad bool, now time.Time, title, text string) *news {
	since, known := m.Told[kind]
	switch {
	case bad && (!known || now.Sub(since) >= remind):
		return &news{Message{Kind: kind, Title: title, Text: text}, func(m *memory) { m.Told[kind] = now }}
	case !bad && known:
		return &news{told: func(m *memory) { delete(m.Told, kind) }}
	}
	return nil
}

func (w *Watcher) certificate(_ context.Context, cfg settings, m memory, now time.Time) (*news, error) {
	if cfg.value["tls"] == "off" {
		return lasting(m, Certificate, false, now, "", ""), nil
	}
	s, err := certs.Status(w.Data)
	if err != nil {
		return nil, err
	}
	title, why := "", ""
	if s.LastError != "" {
		why = "\nThe last try said: " + clean(s.LastError, longText)
	}
	switch left := s.NotAfter.Sub(now); {
	case !s.NotAfter.IsZero() && left < 0:
		title = "The certificate of " + cfg.host + " has ended"
	case !s.NotAfter.IsZero() && left < certTime:
		title = fmt.Sprintf("The certificate of %s ends in %d days", cfg.host, int(left.Hours()/24))
	case s.NotAfter.IsZero() && (s.Failures >= attempts || s.Holds >= holds):
		title = "There is no certificate for " + cfg.host
	}
	return lasting(m, Certificate, title != "", now, title, "tubelet doctor says what to do (D40, D41)."+why), nil
}

func (w *Watcher) disk(_ context.Context, _ settings, m memory, now time.Time) (*news, error) {
	space := w.Space
	if space == nil {
		space = statfs
	}
	free, total, err := space(w.Data)
	if err != nil || total == 0 {
		return nil, err
	}
	limit := lowSpace
	if _, known := m.Told[Disk]; known {
		limit = roomAgain
	}
	share := float64(free) / float64(total)
	return lasting(m, Disk, share < limit, now, fmt.Sprintf("The disk is nearly full: %.1f GB are free", float64(free)/1e9),
		"When it is full nothing more can be published. tubelet doctor says what to do (D02)."), nil
}

func statfs(dir string) (free, total int64, err error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("read free space: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), int64(st.Blocks) * int64(st.Bsize), nil
}

func (w *Watcher) backup(ctx context.Context, cfg settings, m memory, now time.Time) (*news, error) {
	last, err := w.Store.Archive().Last(ctx)
	if err != nil {
		return nil, err
	}
	limit := handBackup
	if cfg.value["backup.dir"] != "" {
		every, err := store.ParseInterval(cfg.value["backup.every"])
		if err != nil {
			return nil, err
		}
		limit = 2*every + time.Hour
	}
	from := last.At
	if from.IsZero() {
		from = cfg.made
	}
	text := "tubelet backup DIR makes one; tubelet config set backup.dir DIR has it done."
	if !last.FailedAt.IsZero() {
		text = "The last try failed: " + clean(last.Reason, longText)
	}
	title := "There is no backup of the channel yet"
	if !last.At.IsZero() {
		title = fmt.Sprintf("The last backup is of %s", last.At.UTC().Format(time.DateOnly))
	}
	return lasting(m, Backup, now.Sub(from) > limit, now, title, text), nil
}

// jobs tells what failed, several at once, and seldom: a broken disk fails everything.
func (w *Watcher) jobs(ctx context.Context, _ settings, m memory, now time.Time) (*news, error) {
	if now.Sub(m.Told[Job]) < jobsEvery {
		return nil, nil
	}
	failed, err := w.Store.FailedSince(ctx, m.Jobs)
	if err != nil || len(failed) == 0 {
		return nil, err
	}
	var b strings.Builder
	for i, j := range failed {
		if i == shown {
			fmt.Fprintf(&b, "and %d more\n", len(failed)-shown)
			break
		}
		fmt.Fprintf(&b, "%s of %s: %s\n", j.Kind, j.Video, clean(j.Reason, longText))
	}
	b.WriteString("tubelet jobs shows them; tubelet jobs retry ID tries one again.")
	title := fmt.Sprintf("%d jobs failed", len(failed))
	if len(failed) == 1 {
		title = "A job failed"
	}
	last := failed[len(failed)-1].UpdatedAt
	return &news{Message{Kind: Job, Title: title, Text: b.String()}, func(m *memory) { m.Jobs, m.Told[Job] = last, now }}, nil
}

// digest tells comments and followers, when the last one is long enough ago.
func (w *Watcher) digest(ctx context.Context, cfg settings, m memory, now time.Time) (*news, error) {
	// A clock that was set back must not silence it for long.
	if since := now.Sub(m.Digest); since >= 0 && since < cfg.every {
		return nil, nil
	}
	comments, err := w.Store.Social().CommentsAfter(ctx, m.Comment, most)
	if err != nil {
		return nil, err
	}
	followers, err := w.Store.Social().FollowersSince(ctx, m.Followers, most)
	if err != nil || len(comments)+len(followers) == 0 {
		return nil, err
	}
	message := Message{Kind: Digest, Title: counted(comments, followers)}
	var b strings.Builder
	for _, item := range items(cfg, comments, followers) {
		if len(message.Items) == shown {
			fmt.Fprintf(&b, "and %d more\n", len(comments)+len(followers)-shown)
			break
		}
		message.Items = append(message.Items, item)
		fmt.Fprintf(&b, "%s\n", item.line())
	}
	message.Text = strings.TrimRight(b.String(), "\n")
	return &news{message, func(m *memory) {
		m.Digest = now
		for _, c := range comments {
			m.Comment = max(m.Comment, c.ID)
		}
		for _, f := range followers {
			if f.AskedAt.After(m.Followers) {
				m.Followers = f.AskedAt
			}
		}
	}}, nil
}

func items(cfg settings, comments []social.Comment, followers []social.Follower) []Item {
	var list []Item
	for _, c := range comments {
		item := Item{"comment", clean(c.Acct, longText), clean(plain(c.HTML), longText), cfg.base + "/w/" + c.Video}
		if c.State == social.Held {
			item.Kind = "held"
		}
		list = append(list, item)
	}
	for _, f := range followers {
		item := Item{"follower", clean(f.Acct, longText), clean(f.Name, longText), clean(f.URL, longText)}
		if f.AcceptedAt.IsZero() {
			item.Kind = "request"
		}
		list = append(list, item)
	}
	return list
}

func (i Item) line() string {
	switch i.Kind {
	case "held":
		return i.From + " wrote, and waits for you to approve it (tubelet comments): " + i.Text + "\n  " + i.URL
	case "follower":
		return i.From + " follows now"
	case "request":
		return i.From + " asks to follow (tubelet followers)"
	}
	return i.From + ": " + i.Text + "\n  " + i.URL
}

func counted(comments []social.Comment, followers []social.Follower) string {
	var parts []string
	for _, p := range []struct {
		n         int
		one, many string
	}{{len(comments), "a comment", "comments"}, {len(followers), "a follower", "followers"}} {
		switch {
		case p.n == 1:
			parts = append(parts, p.one)
		case p.n >= most:
			parts = append(parts, fmt.Sprintf("%d or more %s", p.n, p.many))
		case p.n > 1:
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.many))
		}
	}
	text := strings.Join(parts, " and ")
	return "New: " + text
}

var tags = regexp.MustCompile(`<[^>]*>`)

// plain takes the tags out of HTML that was sanitised when it came.
func plain(text string) string { return html.UnescapeString(tags.ReplaceAllString(text, " ")) }

// clean makes one line of a stranger's words, without what could act on a terminal or a
// header, and not longer than n characters.
func clean(text string, n int) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == unicode.ReplacementChar
	}), " ")
	if runes := []rune(text); len(runes) > n {
		text = string(runes[:n]) + "..."
	}
	return text
}
