package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/tubelet/tubelet/store/lite"
)

// Audience says for whom a list is. The zero value is the one that leaks nothing.
type Audience int

const (
	Listed   Audience = iota // for visitors: public, published videos
	Everyone                 // for the creator: every video, drafts and unfinished ones too
)

// List says which videos are wanted.
type List struct {
	Audience Audience
	Tag      string // only with this tag, whatever its case
	Query    string // only with all these words, the last of which may be unfinished
	Sort     string // "": best match first with Query, else newest published. "created": newest made
	Offset   int
	Limit    int // 0 for all
}

// TagCount is a tag and how many listed videos have it.
type TagCount struct {
	Tag   string
	Count int
}

// Videos returns a page of a list, and how long the whole list is.
func (s *Store) Videos(ctx context.Context, l List) ([]Video, int, error) {
	from, order, args, possible := l.query()
	if !possible {
		return nil, 0, nil
	}
	var list []Video
	var total int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		if total, err = lite.One(ctx, q, lite.Value[int], "select count(*)"+from, args...); err != nil {
			return err
		}
		// What is skipped is not loaded: first the numbers, then the videos.
		numbers, err := lite.All(ctx, q, lite.Value[int64], "select v.number"+from+order+" limit ? offset ?",
			append(args, cmp.Or(l.Limit, -1), l.Offset)...)
		if err != nil {
			return err
		}
		list, err = byNumber(ctx, q, numbers)
		if err != nil {
			return err
		}
		return complete(ctx, q, list)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list videos: %w", err)
	}
	return list, total, nil
}

// Said is one thing that the creator said to everybody: a video that came out, or a boost.
type Said struct {
	Video Video
	Boost string // id of the social.Deed; "" for a video
}

// Said returns a page of all that was said to everybody, the latest first, and how much that is.
func (s *Store) Said(ctx context.Context, offset, limit int) ([]Said, int, error) {
	var list []Said
	var total int
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		total, err = lite.One(ctx, q, lite.Value[int], "select (select count(*) from videos v where "+listed+") + (select count(*) from deeds where kind = 'boost')")
		if err != nil {
			return err
		}
		var numbers []int64
		list, err = lite.All(ctx, q, func(row lite.Scanner, s *Said) error {
			var number, at int64
			err := row.Scan(&number, &s.Video.ID, &s.Boost, &at)
			numbers = append(numbers, number)
			return err
		}, `select v.number, v.id as id, '' as boost, v.published_at as at from videos v where `+listed+`
			union all select 0, '', d.id, d.at from deeds d where d.kind = 'boost' order by at desc, number desc, boost limit ? offset ?`, limit, offset)
		if err != nil {
			return err
		}
		return fill(ctx, q, list, numbers)
	})
	if err != nil {
		return nil, 0, fmt.Errorf("list what was said: %w", err)
	}
	return list, total, nil
}

// fill loads the videos in a list, of which only ids and numbers are known.
func fill(ctx context.Context, q lite.Querier, list []Said, numbers []int64) error {
	videos, err := byNumber(ctx, q, numbers)
	if err == nil {
		err = complete(ctx, q, videos)
	}
	if err != nil {
		return err
	}
	for i := range list {
		if at := slices.IndexFunc(videos, func(v Video) bool { return v.ID == list[i].Video.ID }); at >= 0 {
			list[i].Video = videos[at]
		}
	}
	return nil
}

// query returns the from and order clauses of a list with their arguments, and false when
// nothing can match.
func (l List) query() (from, order string, args []any, possible bool) {
	var b strings.Builder
	b.WriteString(" from ")
	order = " order by v.published_at desc, v.number desc"
	switch w := search(l.Query); {
	case w.asked && w.match == "" && len(w.signs) == 0:
		return "", "", nil, false
	case w.asked && w.match == "":
		b.WriteString("videos v where v.number > (select max(number) from videos) - ?")
		args = w.restrict(&b, append(args, searchScan))
	case w.asked:
		b.WriteString("videos_search f cross join videos v on v.number = f.rowid where videos_search match ?")
		args = w.restrict(&b, append(args, w.match))
		// A word in the title says most about a video, one in the description least.
		order = " order by bm25(videos_search, 8.0, 1.0, 4.0), v.number desc"
	case l.Tag != "":
		b.WriteString("tags t cross join videos v on v.number = t.number where t.folded = ?")
		args = append(args, foldTag(l.Tag))
	default:
		b.WriteString("videos v where true")
	}
	if l.Audience == Listed {
		b.WriteString(" and " + listed)
	} else if l.Query == "" {
		order = " order by v.published_at is not null, v.published_at desc, v.number desc"
	}
	if l.Tag != "" && l.Query != "" {
		b.WriteString(" and exists (select 1 from tags t where t.folded = ? and t.number = v.number)")
		args = append(args, foldTag(l.Tag))
	}
	if l.Sort == "created" {
		order = " order by v.created_at desc, v.number desc"
	}
	return b.String(), order, args, true
}

// byNumber loads videos in the order of their numbers in the list.
func byNumber(ctx context.Context, q lite.Querier, numbers []int64) ([]Video, error) {
	set, err := json.Marshal(numbers)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	return lite.All(ctx, q, scanVideo, "select "+videoColumns+" from json_each(?) j join videos v on v.number = j.value"+
		videoMedia+" order by j.key", string(set))
}

// relatedPerTag bounds what Related looks at, which must not grow with the channel. A tag
// with more videos than that says little about any of them.
const relatedPerTag = 40

// Related returns up to n listed videos to watch after v: among the newest of each of its
// tags those that share most, newer ones first, and then the newest of all. They carry
// what a card shows: no renditions, captions or chapters.
func (s *Store) Related(ctx context.Context, v Video, n int) ([]Video, error) {
	var list []Video
	err := s.db.Read(ctx, func(q lite.Querier) error {
		shared := map[int64]int{}
		for _, tag := range cleanTags(v.Tags) {
			numbers, err := lite.All(ctx, q, lite.Value[int64], `select t.number from tags t cross join videos v on v.number = t.number
				where t.folded = ? and v.id <> ? and `+listed+" order by t.number desc limit ?", foldTag(tag), v.ID, relatedPerTag)
			if err != nil {
				return err
			}
			for _, number := range numbers {
				shared[number]++
			}
		}
		numbers := slices.SortedFunc(maps.Keys(shared), func(a, b int64) int {
			return cmp.Or(shared[b]-shared[a], cmp.Compare(b, a))
		})
		newest, err := lite.All(ctx, q, lite.Value[int64], "select v.number from videos v where "+listed+` and v.id <> ?
			order by v.published_at desc, v.number desc limit ?`, v.ID, n)
		if err != nil {
			return err
		}
		for _, number := range newest {
			if shared[number] == 0 {
				numbers = append(numbers, number)
			}
		}
		list, err = byNumber(ctx, q, numbers[:min(n, len(numbers))])
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find videos related to %s: %w", v.ID, err)
	}
	return list, nil
}

// Tags returns the tags of listed videos, the most used first.
func (s *Store) Tags(ctx context.Context) ([]TagCount, error) {
	var list []TagCount
	err := s.db.Read(ctx, func(q lite.Querier) (err error) {
		list, err = lite.All(ctx, q, func(row lite.Scanner, t *TagCount) error { return row.Scan(&t.Tag, &t.Count) },
			"select min(t.name), count(*) as n from tags t join videos v on v.number = t.number where "+listed+
				" group by t.folded order by n desc, t.folded")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("count tags: %w", err)
	}
	return list, nil
}

// cleanTags trims tags and drops empty and repeated ones, whatever their case.
func cleanTags(tags []string) []string {
	var clean []string
	for _, t := range tags {
		t = strings.Join(strings.Fields(strings.TrimLeft(strings.TrimSpace(t), "#")), " ")
		same := func(other string) bool { return foldTag(other) == foldTag(t) }
		if t != "" && !slices.ContainsFunc(clean, same) {
			clean = append(clean, t)
		}
	}
	return clean
}

// foldTag returns what is equal for tags that differ only in case.
func foldTag(tag string) string { return strings.ToLower(tag) }

func joinTags(tags []string) string { return strings.Join(tags, "\n") }

func splitTags(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, "\n")
}

func indexTags(ctx context.Context, tx *sql.Tx, id string, tags []string) error {
	for _, t := range tags {
		_, err := tx.ExecContext(ctx, "insert into tags (folded, number, name) select ?, number, ? from videos where id = ?", foldTag(t), t, id)
		if err != nil {
			return err
		}
	}
	return nil
}

// The longest query that is looked at. More words only make fewer videos match.
const (
	searchWords = 16
	searchSigns = 4     // words with signs, each of which reads texts
	searchRunes = 64    // of one word
	searchScan  = 10000 // newest videos whose titles are read for signs alone, which no index knows
)

// wanted is what a visitor looks for.
type wanted struct {
	asked bool     // something was typed
	match string   // query for FTS5, empty when what was typed has no word in it
	signs []string // patterns of what has to stand in the text as it was typed, for like
}

// search reads what a visitor typed: all words in any order, the last one perhaps unfinished.
//
// Every word is quoted, so that nothing in it is an operator, and split as the tokenizer
// of the index (unicode61) would, since a quoted phrase without a token matches nothing.
// The tokenizer drops signs: of C++ it leaves C, of an emoji nothing.
func search(text string) wanted {
	w := wanted{asked: strings.TrimSpace(text) != ""}
	var b strings.Builder
	n, open := 0, false
	for term := range strings.FieldsSeq(strings.ToValidUTF8(text, " ")) {
		signs := signed(term)
		if signs != "" && len(w.signs) < searchSigns {
			w.signs = append(w.signs, like(firstRunes(signs, searchRunes)))
		}
		for word := range strings.FieldsFuncSeq(term, func(r rune) bool { return !wordRune(r) }) {
			// Marks alone, such as a stray accent, are no token.
			if n == searchWords || strings.IndexFunc(word, tokenRune) < 0 {
				continue
			}
			if n++; n > 1 {
				b.WriteByte(' ')
			}
			b.WriteString(`"` + firstRunes(word, searchRunes) + `"`)
			open = signs == "" // a word is finished where a sign follows
		}
	}
	if open {
		b.WriteByte('*')
	}
	w.match = b.String()
	return w
}

// signed returns what of a word the index cannot tell from another, without the quotes and
// commas around it, or nothing: a sign beside letters, as in C++ or C#, or one that is no ASCII,
// such as an emoji. A plus between two words is no more than an "and".
func signed(term string) string {
	term = strings.TrimFunc(term, func(r rune) bool { return unicode.IsPunct(r) && r != '#' })
	term = strings.TrimRight(strings.TrimLeft(term, "#"), "\ufe0e\ufe0f") // a tag; how an emoji is drawn
	word := strings.ContainsFunc(term, tokenRune)
	sign := func(r rune) bool {
		return r > unicode.MaxASCII && unicode.IsSymbol(r) || word && (r == '#' || unicode.In(r, unicode.Sm, unicode.Sc))
	}
	if !strings.ContainsFunc(term, sign) {
		return ""
	}
	return term
}

// like returns the pattern of what contains text, with \ before what would stand for something else.
func like(text string) string {
	return "%" + strings.NewReplacer(`\`, `\\`, "%", `\%`, "_", `\_`).Replace(text) + "%"
}

// restrict adds what w asks of a video's text to the clauses of a list.
func (w wanted) restrict(clauses *strings.Builder, args []any) []any {
	text := "v.title || char(10) || v.tags"
	if w.match != "" {
		text += " || char(10) || v.description" // a few are left, and a description is long
	}
	for _, pattern := range w.signs {
		clauses.WriteString(" and (" + text + `) like ? escape '\'`)
		args = append(args, pattern)
	}
	return args
}

// tokenRune reports whether unicode61 sees a token in r: letters, numbers, private use.
func tokenRune(r rune) bool {
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.Is(unicode.Co, r)
}

// wordRune adds the marks that combine with a letter before them.
func wordRune(r rune) bool { return tokenRune(r) || unicode.IsMark(r) }

func firstRunes(s string, n int) string {
	for i := range s {
		if n--; n < 0 {
			return s[:i]
		}
	}
	return s
}
