package mirror

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/tubelet/tubelet/seed/bencode"
	"github.com/tubelet/tubelet/seed/metainfo"
)

const (
	scrapeAtOnce = 70
	enoughSeeds  = 3              // a file seeded by so many others is as safe as by more
	recheckTime  = 24 * time.Hour // of files that are too old for the feed
	lookTime     = 15 * time.Minute
	maxNew       = 500                // torrents read for one channel in one look; the next goes on
	takeTime     = time.Hour          // for one file, before others have their turn; it goes on later
	diskReserve  = 256 << 20          // bytes of disk that stay free
	unseenTime   = 7 * 24 * time.Hour // for what was begun of a home that can't be asked
)

// candidate is a file that could be on the shelf.
type candidate struct {
	File
	held  bool
	seeds int // others that have all of it
}

// round looks at every channel, decides what should be on the shelf, and fetches it.
func (m *Mirror) round(ctx context.Context, n notes) error {
	all, complete, err := m.lookAll(ctx, n)
	errs := []error{err}
	if n.Size > 0 && total(all) > n.Size {
		m.countSeeds(ctx, all)
	}
	wanted := map[metainfo.Hash]bool{} // begun files that stay
	size := n.Size
	if !complete {
		var unseen int64
		if wanted, unseen, err = m.shelf.unseen(all); err != nil {
			return errors.Join(append(errs, err)...)
		}
		size = left(size, unseen)
	}
	fetch, drop := plan(all, size)
	for _, f := range drop {
		m.drop(f, "the room is needed for what is seeded by fewer")
	}
	for _, f := range fetch {
		wanted[f.hash] = true
	}
	errs = append(errs, m.shelf.tidy(wanted))
	for _, f := range fetch {
		if err := m.take(ctx, f); err != nil {
			errs = append(errs, err)
			m.note(f.Base, func(s *Status) { s.Error = err.Error() })
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return errors.Join(errs...)
}

// lookAll looks at every channel. complete says that what it returns is all that they have.
func (m *Mirror) lookAll(ctx context.Context, n notes) (all []candidate, complete bool, err error) {
	var errs []error
	complete = true
	for _, c := range n.Channels {
		found, whole, err := m.look(ctx, c)
		complete = complete && whole && err == nil
		if err != nil {
			errs = append(errs, err)
		}
		m.note(c.Base, func(s *Status) {
			s.Looked, s.Error, s.Wanted = time.Now().UTC().Truncate(time.Second), "", len(found)
			if err != nil {
				s.Error = err.Error()
			}
		})
		all = append(all, found...)
	}
	return all, complete, errors.Join(errs...)
}

// left is what a limit leaves beside the begun files that the looks did not show.
func left(size, unseen int64) int64 {
	if size <= 0 {
		return 0 // no limit
	}
	return max(1, size-unseen)
}

// look returns what a channel offers and what the shelf has of it; whole says that this is
// all of it. Without its feed we know nothing new, and keep what we have.
func (m *Mirror) look(ctx context.Context, c Listed) (found []candidate, whole bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	listed := map[string]bool{}
	asked := 0
	p, err := m.readFeed(ctx, c.Feed)
	for _, i := range p.Items {
		for _, address := range i.torrents(c.Base) {
			if !m.read(c.Base, address) {
				if asked++; asked > maxNew {
					continue
				}
			}
			f, askErr := m.offered(ctx, c.Base, address, i)
			if askErr != nil {
				err = cmp.Or(err, askErr)
				continue
			}
			listed[address] = true
			found = append(found, candidate{File: f, held: m.shelf.has(f.hash)})
		}
	}
	for _, f := range m.shelf.list() {
		if f.Base == c.Base && !listed[f.Torrent] && m.stays(ctx, f) {
			found = append(found, candidate{File: f, held: true})
		}
	}
	return found, asked <= maxNew, err
}

// read reports whether a torrent's address was read before.
func (m *Mirror) read(base, address string) bool {
	_, held := m.shelf.offered(base, address)
	_, known := m.known[address]
	return held || known
}

// offered returns what a torrent's address stands for. Addresses are for ever: one is asked
// once.
func (m *Mirror) offered(ctx context.Context, base, address string, i item) (File, error) {
	if f, ok := m.shelf.offered(base, address); ok {
		return f, nil
	}
	if f, ok := m.known[address]; ok {
		return f, nil
	}
	t, source, err := m.readTorrent(ctx, base, address)
	if err != nil {
		return File{}, err
	}
	f := File{
		Base: base, Video: clip(i.URL, 2000), Title: clip(i.Title, 300), Torrent: address, Source: source,
		Bytes: t.Length, Published: i.published(), hash: t.InfoHash,
	}
	if len(m.known) > 10*maxItems {
		clear(m.known)
	}
	m.known[address] = f
	return f, nil
}

// stays reports whether a file that its feed does not list is still public; if not, it goes.
// The home's tracker tells at once when it is not, so asking again can wait.
func (m *Mirror) stays(ctx context.Context, f File) bool {
	if time.Since(m.checked[f.hash]) < recheckTime && !m.doubted(f.hash) {
		return true
	}
	_, _, err := m.readTorrent(ctx, f.Base, f.Torrent)
	if errors.Is(err, errGone) {
		m.drop(f, "it is no longer public")
		return false
	}
	if err == nil {
		m.checked[f.hash] = time.Now()
	}
	return true
}

func total(all []candidate) int64 {
	var sum int64
	for _, c := range all {
		sum += c.Bytes
	}
	return sum
}

// plan chooses what to have on size bytes of disk: what fewest others seed, then what is
// newest, then what is small. It returns what to fetch, and what to delete for it.
func plan(all []candidate, size int64) (fetch, drop []File) {
	slices.SortStableFunc(all, func(a, b candidate) int {
		return cmp.Or(
			cmp.Compare(min(a.seeds, enoughSeeds), min(b.seeds, enoughSeeds)),
			b.Published.Compare(a.Published), cmp.Compare(a.Bytes, b.Bytes),
			strings.Compare(a.hash.String(), b.hash.String()))
	})
	seen := map[metainfo.Hash]bool{}
	var used, spare int64 // bytes of what is chosen, and of what could go
	var expendable []candidate
	for _, c := range all {
		if seen[c.hash] {
			continue // two channels with the same file
		}
		seen[c.hash] = true
		fits := size <= 0 || used+c.Bytes <= size
		switch {
		case fits && !c.held:
			fetch = append(fetch, c.File)
			fallthrough
		case fits:
			used += c.Bytes
		case c.held:
			expendable = append(expendable, c)
			spare += c.Bytes
		}
	}
	// What was not chosen goes only as far as the chosen need its room.
	for i := len(expendable) - 1; i >= 0 && used+spare > size; i-- {
		drop = append(drop, expendable[i].File)
		spare -= expendable[i].Bytes
	}
	return fetch, drop
}

// countSeeds asks the homes' trackers how many others have each file. Whom it can't ask, it
// takes for alone.
func (m *Mirror) countSeeds(ctx context.Context, all []candidate) {
	byBase := map[string][]*candidate{}
	for i := range all {
		byBase[all[i].Base] = append(byBase[all[i].Base], &all[i])
	}
	for base, list := range byBase {
		for some := range slices.Chunk(list, scrapeAtOnce) {
			if err := m.scrape(ctx, base, some); err != nil {
				m.log.Warn("seeds not counted", "channel", base, "err", err)
				break
			}
		}
	}
}

// scrape fills in the seeds of some files of one home.
func (m *Mirror) scrape(ctx context.Context, base string, list []*candidate) error {
	query := url.Values{}
	for _, c := range list {
		query.Add("info_hash", string(c.hash[:]))
	}
	text, err := m.get(ctx, base+"/tracker/scrape?"+query.Encode(), 1<<20)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	answer, err := bencode.Decode(text, 10_000)
	if err != nil {
		return fmt.Errorf("scrape: %w", err)
	}
	files, _ := answer.Get("files", bencode.Dict)
	for _, c := range list {
		entry, _ := files.Get(string(c.hash[:]), bencode.Dict)
		complete, _ := entry.Get("complete", bencode.Int)
		c.seeds = int(min(max(complete.Num, 0), 1000))
		if c.held && c.seeds > 0 {
			c.seeds-- // that is us
		}
	}
	return nil
}
