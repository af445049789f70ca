package news_test

import (
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed/news"
	"github.com/tubelet/tubelet/fed/vocab"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

// desk is news over a store with one follower of each actor, on a host each.
type desk struct {
	*news.News
	store  *store.Store
	social *social.Store
	site   vocab.Site
	facts  vocab.Facts
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	s, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	if err := s.CreateChannel(t.Context(), store.Channel{Handle: "ada", Domain: "video.example", Name: "Ada", CreatedAt: time.Now()}); err != nil {
		t.Fatal(err)
	}
	d := &desk{store: s, social: s.Social()}
	site := func(ctx context.Context) (vocab.Site, error) {
		channel, err := s.Channel(ctx)
		return vocab.Site{Channel: channel, HTML: func(text string) string { return text }}, err
	}
	if d.site, err = site(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.News = news.New(news.Config{Store: s, Site: site, Facts: func(context.Context, store.Video) (vocab.Facts, error) { return d.facts, nil }})
	for target, host := range map[social.Target]string{social.Person: "people.example", social.Group: "group.example"} {
		inbox := "https://" + host + "/inbox"
		id, err := d.social.SaveActor(t.Context(), social.Actor{URI: "https://" + host + "/u", Host: host, KeyID: host, Inbox: inbox, SharedInbox: inbox, FetchedAt: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.social.Follow(t.Context(), target, id, host, true, time.Now()); err != nil {
			t.Fatal(err)
		}
	}
	d.tell(t, time.Now()) // of the channel itself: to nobody, since nobody was told before
	return d
}

// tell tells, and returns the kinds of activity that are on their way to each host, which it takes
// off the list.
func (d *desk) tell(t *testing.T, now time.Time) (people, group []vocab.Object) {
	t.Helper()
	if _, _, err := d.Once(t.Context(), now); err != nil {
		t.Fatal(err)
	}
	return d.take(t, "people.example"), d.take(t, "group.example")
}

func (d *desk) take(t *testing.T, host string) (list []vocab.Object) {
	t.Helper()
	for {
		delivery, err := d.social.Due(t.Context(), host, time.Now().AddDate(1, 0, 0))
		if err != nil {
			return list
		}
		o, err := vocab.Parse(delivery.Body)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]social.Target{d.site.Person(): social.Person, d.site.Group(): social.Group}[o.Ref("actor")]
		if delivery.By != want {
			t.Errorf("%s of %s is signed by the %s", o.Type(), o.Ref("actor"), delivery.By)
		}
		list = append(list, o)
		if err := d.social.Record(t.Context(), []social.Outcome{{Delivery: delivery, Done: true}}, now(), now()); err != nil {
			t.Fatal(err)
		}
	}
}

func now() time.Time { return time.Now() }

func kinds(list []vocab.Object) (kinds []string) {
	for _, o := range list {
		kinds = append(kinds, o.Type())
	}
	return kinds
}

func expect(t *testing.T, what string, people, group []vocab.Object, wantPeople, wantGroup string) {
	t.Helper()
	if !slices.Equal(kinds(people), strings.Fields(wantPeople)) || !slices.Equal(kinds(group), strings.Fields(wantGroup)) {
		t.Errorf("%s: people hear %v, groups %v; want %q, %q", what, kinds(people), kinds(group), wantPeople, wantGroup)
	}
}

func (d *desk) publish(t *testing.T, visibility store.Visibility, done bool) store.Video {
	t.Helper()
	v := store.NewVideo{Video: store.Video{ID: store.NewID(), Title: "A film", Visibility: visibility}}
	if err := d.store.CreateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
	d.render(t, v.ID, 360, done)
	return d.video(t, v.ID)
}

func (d *desk) render(t *testing.T, id string, height int, done bool) {
	t.Helper()
	r := store.Rendition{Height: height, File: "x.mp4", Playlist: "x.m3u8", Width: 640, PixHeight: height, Bytes: 1}
	if err := d.store.AddRenditions(t.Context(), id, 1, []store.Rendition{r}, done, nil); err != nil {
		t.Fatal(err)
	}
}

func (d *desk) video(t *testing.T, id string) store.Video {
	t.Helper()
	v, err := d.store.Video(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func (d *desk) save(t *testing.T, v store.Video) {
	t.Helper()
	if err := d.store.UpdateVideo(t.Context(), v); err != nil {
		t.Fatal(err)
	}
}

func updated(o vocab.Object) time.Time {
	inner, _ := o.Inner("object")
	return inner.Time("updated")
}

// The life of a video, as others hear of it.
func TestLife(t *testing.T) {
	d, now := newDesk(t), time.Now()
	v := d.publish(t, store.Public, false)
	people, group := d.tell(t, now)
	expect(t, "published", people, group, "Create", "Create Announce")
	if body, _ := json.Marshal(people[0]); len(body) > 40<<10 {
		t.Errorf("a Create of %d bytes", len(body))
	}
	people, group = d.tell(t, now)
	expect(t, "again", people, group, "", "")

	d.render(t, v.ID, 720, false) // more of it is on its way
	people, group = d.tell(t, now.Add(time.Minute))
	expect(t, "one rendition more", people, group, "", "")
	d.render(t, v.ID, 1080, true)
	people, group = d.tell(t, now.Add(2*time.Minute))
	expect(t, "all renditions", people, group, "Update", "Update")
	if at := updated(people[0]); !at.Equal(v.PublishedAt.Truncate(time.Second)) {
		t.Errorf("a silent update moves the date to %v", at)
	}

	v = d.video(t, v.ID)
	v.Title = "A better film"
	d.save(t, v)
	people, group = d.tell(t, time.Now())
	expect(t, "just edited", people, group, "", "")
	edited := time.Now().Add(time.Minute)
	people, group = d.tell(t, edited)
	expect(t, "edited", people, group, "Update", "Update")
	if at := updated(people[0]); !at.Equal(edited.UTC().Truncate(time.Second)) {
		t.Errorf("an edit has the date %v", at)
	}
	if people[0].ID() != group[0].ID() {
		t.Error("two updates of one edit")
	}

	d.save(t, d.video(t, v.ID)) // saved as it was
	people, group = d.tell(t, edited.Add(time.Hour))
	expect(t, "nothing new", people, group, "", "")

	v.Visibility = store.Unlisted
	d.save(t, v)
	people, group = d.tell(t, edited.Add(time.Hour))
	expect(t, "unlisted", people, group, "Delete", "Delete")
	v.Visibility = store.Public
	d.save(t, v)
	people, group = d.tell(t, edited.Add(2*time.Hour))
	expect(t, "public again", people, group, "Create", "Create Announce")
	if err := d.store.DeleteVideo(t.Context(), v.ID); err != nil {
		t.Fatal(err)
	}
	people, group = d.tell(t, edited.Add(3*time.Hour))
	expect(t, "deleted", people, group, "Delete", "Delete")
	people, group = d.tell(t, edited.Add(4*time.Hour))
	expect(t, "over", people, group, "", "")
	if list, err := d.social.News(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}

// What nobody was told of stays so.
func TestSilence(t *testing.T) {
	d := newDesk(t)
	for _, visibility := range []store.Visibility{store.Unlisted, store.Draft} {
		v := d.publish(t, visibility, true)
		people, group := d.tell(t, time.Now())
		expect(t, string(visibility), people, group, "", "")
		if err := d.store.DeleteVideo(t.Context(), v.ID); err != nil {
			t.Fatal(err)
		}
		people, group = d.tell(t, time.Now())
		expect(t, "deleted "+string(visibility), people, group, "", "")
	}
}

// Counts are no news.
func TestCounts(t *testing.T) {
	d := newDesk(t)
	v := d.publish(t, store.Public, true)
	d.tell(t, time.Now())
	d.facts.Replies = 7
	if err := d.store.AddViews(t.Context(), map[string]int64{v.ID: 9}); err != nil {
		t.Fatal(err)
	}
	d.save(t, d.video(t, v.ID))
	people, group := d.tell(t, time.Now().Add(time.Hour))
	expect(t, "counts", people, group, "", "")
}

// Captions are, and so is the channel.
func TestOtherNews(t *testing.T) {
	d := newDesk(t)
	v := d.publish(t, store.Public, true)
	d.tell(t, time.Now())
	if _, err := d.store.AddCaption(t.Context(), v.ID, store.Caption{Language: "en", Label: "English", File: "en.vtt"}); err != nil {
		t.Fatal(err)
	}
	people, group := d.tell(t, time.Now().Add(time.Hour))
	expect(t, "captions", people, group, "Update", "Update")
	channel := d.site.Channel
	channel.Name = "Ada's films"
	if err := d.store.UpdateChannel(t.Context(), channel); err != nil {
		t.Fatal(err)
	}
	people, group = d.tell(t, time.Now().Add(time.Hour))
	expect(t, "channel", people, group, "Update", "Update")
	people, group = d.tell(t, time.Now().Add(time.Hour))
	expect(t, "channel again", people, group, "", "")
}

// News that come while others are told are not lost.
func TestMeanwhile(t *testing.T) {
	d := newDesk(t)
	v := d.publish(t, store.Public, true)
	list, err := d.social.News(t.Context())
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	d.save(t, d.video(t, v.ID))
	if err := d.social.Heard(t.Context(), list[0]); err != nil {
		t.Fatal(err)
	}
	if list, err = d.social.News(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// A pin is told to who follows the person, as an addition to the collection "featured".
func TestPins(t *testing.T) {
	d, at := newDesk(t), time.Now()
	first, second := d.publish(t, store.Public, true), d.publish(t, store.Public, true)
	d.tell(t, at)
	step := func(what, wantPeople, wantGroup string, do func() error) []vocab.Object {
		t.Helper()
		if err := do(); err != nil {
			t.Fatal(err)
		}
		at = at.Add(time.Minute)
		people, group := d.tell(t, at)
		expect(t, what, people, group, wantPeople, wantGroup)
		return people
	}
	pin := func(id string) func() error { return func() error { return d.store.Pin(t.Context(), id, now()) } }
	unpin := func(id string) func() error { return func() error { return d.store.Unpin(t.Context(), id) } }

	said := step("the first", "Add Update", "", pin(first.ID))
	if add := said[0]; add.Ref("object") != d.site.Video(first.ID) || add.Ref("target") != d.site.Person()+"/featured" || !add.IsPublic() {
		t.Errorf("%v", add)
	}
	if said[1].Ref("object") != d.site.Person() {
		t.Errorf("%v", said[1])
	}
	step("again", "", "", pin(first.ID))
	step("the second", "Add", "", pin(second.ID))
	step("not the first", "Remove", "", unpin(first.ID))
	step("back and off", "", "", func() error { return errors.Join(pin(first.ID)(), unpin(first.ID)()) })
	step("nothing", "Remove Update", "", unpin(second.ID))

	step("with an edit", "Add Update Update", "Update", func() error { // of the actor and of the video
		second.Title = "Another"
		at = time.Now().Add(time.Minute)
		return errors.Join(d.store.UpdateVideo(t.Context(), second), pin(second.ID)())
	})
	step("unlisted", "Delete", "Delete", func() error {
		second.Visibility = store.Unlisted
		return d.store.UpdateVideo(t.Context(), second)
	})
	step("public again", "Create", "Create Announce", func() error {
		second.Visibility = store.Public
		return d.store.UpdateVideo(t.Context(), second)
	})
	step("pinned anew", "Add Update", "", pin(second.ID))
	step("deleted", "Delete", "Delete", func() error { return d.store.DeleteVideo(t.Context(), second.ID) })

	third := d.publish(t, store.Public, true)
	step("out and pinned", "Create", "Create Announce", pin(third.ID))
	step("a moment later", "Add Update", "", func() error { return nil })
	if list, err := d.social.News(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("left: %v, %v", list, err)
	}
}
