package mirror

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// book is mirror.json, which commands write and Run reads.
type book struct{ path string }

// notes is what stands in the book.
type notes struct {
	ID       string   `json:"id"` // 32 hex digits, made once: by it a home server knows and refuses us
	Name     string   `json:"name"`
	URL      string   `json:"url"`
	Size     int64    `json:"size"` // bytes of disk; 0 is no limit
	Rate     int64    `json:"rate"` // bytes a second of upload; 0 is no limit
	Channels []Listed `json:"channels"`
}

// Listed is a channel in the book.
type Listed struct {
	Base  string    `json:"base"` // scheme and host, without a slash at the end
	Feed  string    `json:"feed"`
	Title string    `json:"title"`
	Added time.Time `json:"added"`
}

// Settings are the limits and the name of a mirror.
type Settings struct {
	Name, URL string
	Size      int64 // bytes of disk; 0 is no limit
	Rate      int64 // bytes a second of upload; 0 is no limit
}

// Status is what became of the last look at a channel.
type Status struct {
	Looked    time.Time `json:"looked"`
	Error     string    `json:"error,omitempty"`
	Wanted    int       `json:"wanted"`    // renditions that the channel offers
	Connected bool      `json:"connected"` // to its tracker
	Refused   bool      `json:"refused"`   // by its tracker
}

// Channel is a mirrored channel with what is on the shelf of it.
type Channel struct {
	Listed
	Status
	Files int
	Bytes int64
}

// changed returns when the book was last written; the zero time if never.
func (b book) changed() time.Time {
	info, err := os.Stat(b.path)
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

func (b book) read() (notes, error) {
	text, err := os.ReadFile(b.path)
	if errors.Is(err, fs.ErrNotExist) {
		id := make([]byte, 16)
		_, _ = rand.Read(id) // never fails
		host, _ := os.Hostname()
		n := notes{ID: hex.EncodeToString(id), Name: host}
		return n, b.write(n)
	}
	if err != nil {
		return notes{}, fmt.Errorf("read the mirror's settings: %w", err)
	}
	var n notes
	if err := json.Unmarshal(text, &n); err != nil {
		return notes{}, fmt.Errorf("read the mirror's settings in %s: %w", b.path, err)
	}
	return n, nil
}

func (b book) write(n notes) error {
	if err := writeJSON(b.path, n); err != nil {
		return fmt.Errorf("write the mirror's settings: %w", err)
	}
	return nil
}

// writeJSON replaces a file as a whole.
func writeJSON(path string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(path, append(text, '\n'))
}

// writeFile replaces a file as a whole, durably.
func writeFile(path string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// Settings returns the limits and the name.
func (m *Mirror) Settings() (Settings, error) {
	n, err := m.book.read()
	return Settings{n.Name, n.URL, n.Size, n.Rate}, err
}

// Set changes the limits and the name.
func (m *Mirror) Set(s Settings) error {
	n, err := m.book.read()
	if err != nil {
		return err
	}
	n.Name, n.URL, n.Size, n.Rate = s.Name, s.URL, max(s.Size, 0), max(s.Rate, 0)
	return m.book.write(n)
}

// Add begins to mirror a channel: "@name@host", the address of its page, or of its feed.
func (m *Mirror) Add(ctx context.Context, address string) (Channel, error) {
	l, err := m.find(ctx, address)
	if err != nil {
		return Channel{}, err
	}
	n, err := m.book.read()
	if err != nil {
		return Channel{}, err
	}
	at := slices.IndexFunc(n.Channels, func(c Listed) bool { return c.Base == l.Base })
	if at < 0 {
		n.Channels = append(n.Channels, l)
		err = m.book.write(n)
	} else {
		l = n.Channels[at]
	}
	return Channel{Listed: l}, err
}

// Remove ends the mirroring of a channel. Run deletes its files; without Run they go now.
func (m *Mirror) Remove(address string) error {
	base, _, err := locate(address)
	if err != nil {
		return err
	}
	n, err := m.book.read()
	if err != nil {
		return err
	}
	kept := slices.DeleteFunc(slices.Clone(n.Channels), func(c Listed) bool { return c.Base == base })
	if len(kept) == len(n.Channels) {
		return fmt.Errorf("%w: %s", ErrUnknown, base)
	}
	n.Channels = kept
	if err := m.book.write(n); err != nil {
		return err
	}
	unlock, err := m.lock()
	if errors.Is(err, ErrRunning) {
		return nil
	} else if err != nil {
		return err
	}
	defer unlock()
	for _, f := range m.shelf.list() {
		if f.Base == base {
			m.drop(f, "its channel is no longer mirrored")
		}
	}
	return nil
}

// List returns the channels with what is known of each.
func (m *Mirror) List() ([]Channel, error) {
	n, err := m.book.read()
	if err != nil {
		return nil, err
	}
	status := map[string]Status{}
	text, err := os.ReadFile(m.statusPath())
	if err == nil {
		err = json.Unmarshal(text, &status)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the mirror's status: %w", err)
	}
	if err := m.shelf.load(); err != nil {
		return nil, err
	}
	files := m.shelf.list()
	list := make([]Channel, 0, len(n.Channels))
	for _, l := range n.Channels {
		c := Channel{Listed: l, Status: status[l.Base]}
		for _, f := range files {
			if f.Base == l.Base {
				c.Files++
				c.Bytes += f.Bytes
			}
		}
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Channel) int { return strings.Compare(a.Base, b.Base) })
	return list, nil
}

func (m *Mirror) statusPath() string { return filepath.Join(m.cfg.Dir, "status.json") }

// note changes the status of a channel and writes it down.
func (m *Mirror) note(base string, change func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.status[base]
	change(&s)
	m.status[base] = s
	if err := writeJSON(m.statusPath(), m.status); err != nil {
		m.log.Warn("status not written", "err", err)
	}
}
