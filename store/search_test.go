package store_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/tubelet/tubelet/store"
)

func TestSearchFinds(t *testing.T) {
	s := open(t)
	v := sample("Crème brûlée für Anfänger 🔥 5$", "Küche", "❤️")
	v.Description = "With a torch. C++ and e-mail: don't panic! 東京タワー Ελλάδα"
	v = create(t, s, v)
	tests := []struct {
		query string
		found bool
	}{
		{"creme", true}, {"CRÈME BRULEE", true}, {"brulee creme", true}, {"anf", true}, {"anf creme", false},
		{"creme anf", true}, {"kuche", true}, {"Küche", true}, {"torch", true}, {"orch", false},
		{"e-mail", true}, {"mail e", true}, {"C++", true}, {"don't", true}, {"東京", true}, {"ΕΛΛΆΔΑ", true},
		{"cre\u0300me", true}, {"torch !!!", true}, {"!!! torch", true}, {"not there", false},
		{"!!!", false}, {"\u0301", false}, {"\"", false}, {"title:creme", false}, {"torch NOT creme", false},
		{"torch OR nothing", false}, {"", true}, {"   ", true},
		// What the index takes for the same is told apart by the text.
		{"c++", true}, {"C#", false}, {"C", true}, {"\"C++\",", true}, {"C+++", false}, {"torch + creme", true}, {"torch & creme", true},
		{"#Küche", true}, {"🔥", true}, {"🔥 creme", true}, {"creme 🔥", true}, {"🔥🔥", false}, {"❤", true}, {"❤️", true}, {"🎬", false},
		{"100%", false}, {"5$", true}, {"6$", false}, {"++", false}, {"_🔥", true}, {"%🔥", true}, {"🔥%", true}, {`\🔥`, true},
	}
	for _, test := range tests {
		list, total, err := s.Videos(t.Context(), store.List{Query: test.query})
		if err != nil {
			t.Errorf("%q: %v", test.query, err)
			continue
		}
		if (total == 1) != test.found || (len(list) == 1) != test.found {
			t.Errorf("%q finds %d", test.query, total)
		}
	}
}

func TestSearchRanksTitlesFirst(t *testing.T) {
	s := open(t)
	text, tag, title := sample("a"), sample("b", "lathe"), sample("The lathe")
	text.Description = "a lathe"
	create(t, s, title)
	create(t, s, tag)
	create(t, s, text)
	list, _, err := s.Videos(t.Context(), store.List{Query: "lathe"})
	must(t, err)
	same(t, ids(list), []string{title.ID, tag.ID, text.ID})
}

// Nothing that a visitor types may be an error, and nothing is an operator of FTS5.
func FuzzSearch(f *testing.F) {
	for _, q := range []string{
		`"`, `""`, `"*`, `*`, `a*b`, `NEAR(a b, 2)`, `title : x`, `{title} : x`, `-title:x`, `^a`, `a AND`, `OR`,
		`a NOT b`, `(`, `)`, `a + b`, "\x00", "a\x00b", "\xff\xfe", "'; drop table videos; --", `\`, `%`, `_`,
		strings.Repeat("a", 100_000), strings.Repeat("a ", 50_000), "\u0301\u0302", "a\u0301", "\U000e0001", "\ue000",
		"🎬 film", "ﷺ", "١٢٣", "ⅷ", "a\u200db", "word",
	} {
		f.Add(q)
	}
	s, err := store.Open(f.Context(), f.TempDir()+"/tubelet.db")
	must(f, err)
	f.Cleanup(func() { s.Close() })
	v := sample("word")
	must(f, s.CreateVideo(f.Context(), v))
	f.Fuzz(func(t *testing.T, query string) {
		for _, q := range []string{query, "word " + query, query + " word"} {
			if _, _, err := s.Videos(t.Context(), store.List{Query: q, Limit: 1}); err != nil {
				t.Errorf("%q: %v", q, err)
			}
		}
		// Whatever is stored is found again by its own text, and damages no index.
		if !utf8.ValidString(query) || len(query) > 200 {
			return
		}
		w := load(t, s, v.ID)
		w.Description = query
		must(t, s.UpdateVideo(t.Context(), w))
		if got := load(t, s, v.ID).Description; got != query {
			t.Errorf("stored %q, loaded %q", query, got)
		}
	})
}
