package vocab

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"testing"
	"time"
)

// What Lemmy 0.19.20 takes, written after its crates/apub/src/protocol: a value of another kind than
// here makes it refuse the whole activity. Names that are missing here it passes over.
type (
	lemmyURL  string
	lemmyList []lemmyURL

	lemmyPage struct {
		Type         string          `json:"type"`
		ID           lemmyURL        `json:"id"`
		AttributedTo []lemmyAuthor   `json:"attributedTo"`
		To           lemmyList       `json:"to"`
		InReplyTo    *string         `json:"inReplyTo"` // or it is a comment
		Name         *string         `json:"name"`
		CC           lemmyList       `json:"cc"`
		Content      *string         `json:"content"`
		MediaType    *string         `json:"mediaType"`
		Attachment   []lemmyLink     `json:"attachment"`
		Image        *lemmyImage     `json:"image"`
		Sensitive    *bool           `json:"sensitive"`
		Published    *time.Time      `json:"published"`
		Updated      *time.Time      `json:"updated"`
		Language     *lemmyLanguage  `json:"language"`
		Audience     *lemmyURL       `json:"audience"`
		Tag          json.RawMessage `json:"tag"` // passed over when it is anything else
	}
	lemmyAuthor   struct{ Type, ID string }
	lemmyLink     struct{ Type, Href string }
	lemmyImage    struct{ Type, URL string }
	lemmyLanguage struct{ Identifier, Name *string }

	lemmyCreateOrUpdate struct {
		Actor    lemmyURL  `json:"actor"`
		To       lemmyList `json:"to"`
		Object   lemmyPage `json:"object"`
		CC       lemmyList `json:"cc"`
		Type     string    `json:"type"`
		ID       lemmyURL  `json:"id"`
		Audience *lemmyURL `json:"audience"`
	}
	lemmyDelete struct {
		Actor  lemmyURL  `json:"actor"`
		To     lemmyList `json:"to"`
		Object struct {
			ID   lemmyURL `json:"id"`
			Type string   `json:"type"`
		} `json:"object"`
		Type    string    `json:"type"`
		ID      lemmyURL  `json:"id"`
		CC      lemmyList `json:"cc"`
		Summary *string   `json:"summary"` // makes it a moderator's removal
	}
)

func (u *lemmyURL) UnmarshalJSON(text []byte) error {
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		return err
	}
	_, err := url.ParseRequestURI(s)
	*u = lemmyURL(s)
	return err
}

func (l *lemmyList) UnmarshalJSON(text []byte) error {
	if !bytes.HasPrefix(text, []byte("[")) {
		text = slices.Concat([]byte("["), text, []byte("]"))
	}
	return json.Unmarshal(text, (*[]lemmyURL)(l))
}

func read(t *testing.T, o Object, into any) {
	t.Helper()
	text, err := json.Marshal(o)
	if err == nil {
		err = json.Unmarshal(text, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A new video, an edit and a removal, as they reach the followers of the group from the person.
func TestLemmy(t *testing.T) {
	s, v := testSite(), testVideo()
	person, group, edited := lemmyURL(s.Person()), lemmyURL(s.Group()), v.PublishedAt.Add(time.Hour)
	for name, activity := range map[string]Object{
		"Create": s.Create(v, Facts{}), "Update": s.Update(v, Facts{Edited: edited, Comments: Approved, Sensitive: "saws"}, edited),
	} {
		t.Run(name, func(t *testing.T) {
			var got lemmyCreateOrUpdate
			read(t, activity, &got)
			page := got.Object
			public := lemmyURL(Public)
			if got.Type != name || got.Actor != person || !slices.Contains(got.To, public) || !slices.Contains(page.To, public) || len(got.CC) == 0 {
				t.Errorf("%+v", got)
			}
			// The author is the actor, and the community is found by its audience, or as an author.
			if !slices.Contains(page.AttributedTo, lemmyAuthor{"Person", s.Person()}) || !slices.Contains(page.AttributedTo, lemmyAuthor{"Group", s.Group()}) ||
				page.Audience == nil || *page.Audience != group || got.Audience != nil && *got.Audience != group {
				t.Errorf("%+v of %v", page.AttributedTo, page.Audience)
			}
			if page.Type != "Video" || page.Name == nil || page.InReplyTo != nil || *page.MediaType != "text/html" || page.Language.Identifier == nil || page.Language.Name == nil {
				t.Errorf("%+v", page)
			}
			// It passes over what is no newer than what it has.
			if name == "Update" && !page.Updated.After(v.PublishedAt) || page.Updated.Before(*page.Published) {
				t.Errorf("updated %v, published %v", page.Updated, page.Published)
			}
		})
	}
	var gone lemmyDelete
	read(t, s.Delete(v.ID, edited), &gone)
	if gone.Type != "Delete" || gone.Actor != person || gone.Object.Type != "Tombstone" || gone.Object.ID != lemmyURL(s.Video(v.ID)) || gone.Summary != nil ||
		!slices.Contains(slices.Concat(gone.To, gone.CC), lemmyURL(Public)) {
		t.Errorf("%+v", gone)
	}
}
