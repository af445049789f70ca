package fediverse_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/fed"
	"github.com/tubelet/tubelet/media"
	"github.com/tubelet/tubelet/server"
	"github.com/tubelet/tubelet/server/fediverse"
	"github.com/tubelet/tubelet/store"
	"github.com/tubelet/tubelet/store/social"
)

const (
	ours   = "127.0.0.1:18810"
	theirs = "18811"
	ada    = "http://127.0.0.1:" + theirs
	video  = "k3v9x0a1b2"
	base   = "http://" + ours
	person = base + "/users/workshop"
	group  = base + "/users/workshop_channel"
	object = base + "/videos/" + video
	leads  = "https://127.0.0.1:" + theirs + "/authorize_interaction?uri=" // Ada's server says so; https is asked of a page
)

// TestFedify runs the whole server beside a server on an independent stack, which follows,
// receives, likes, boosts, replies, edits, undoes and deletes. It signs by RFC 9421, and reads
// what we say with a strict JSON-LD processor.
func TestFedify(t *testing.T) {
	c := serve(t)
	peer := startPeer(t)

	// Who are we?
	for id, want := range map[string]string{person: "Person The Small Workshop workshop", group: "Group The Small Workshop workshop_channel"} {
		if got := peer.do("look", "id", id); fmt.Sprint(got["type"], " ", got["name"], " ", got["handle"]) != want {
			t.Errorf("%s is taken for %v", id, got)
		}
	}
	for _, id := range []string{person, group, person + "/outbox", person + "/outbox?page=1", group + "/outbox?page=1", person + "/featured"} {
		peer.do("strict", "id", id)
	}

	if got, want := lead(t, "follow"), leads+url.QueryEscape(person); got != want {
		t.Errorf("to follow, visitors are led to %s, want %s", got, want)
	}
	peer.do("strict", "id", person+"/followers") // so that it is in the page cache, with nobody in it
	peer.do("follow", "to", person)
	peer.wait("the follow is accepted", func(got map[string]any) bool { return got["kind"] == "Accept" && got["actor"] == person })
	c.wait("a follower", func() bool { return c.followers() == 1 })
	lists(t, c, peer)

	c.publish()
	created := peer.wait("the video arrives", func(got map[string]any) bool { return got["kind"] == "Create" && got["type"] == "Video" })
	if created["name"] != "A bench vise" || created["actor"] != person || created["objectId"] != object {
		t.Errorf("the video arrives as %v", created)
	}
	for _, id := range []string{object, object + "/replies", object + "/likes", base + "/activities/create/" + video, base + "/activities/announce/" + video, person + "/outbox?page=1"} {
		peer.do("strict", "id", id)
	}
	if items := fmt.Sprint(peer.ask("outbox", "id", group)); items != "[Announce "+object+"]" {
		t.Errorf("the outbox holds %s", items)
	}

	for _, what := range []string{"like", "boost", "reply"} {
		if got, want := lead(t, what), leads+url.QueryEscape(object); got != want {
			t.Errorf("to %s, visitors are led to %s, want %s", what, got, want)
		}
	}
	conversation(t, c, peer)
	pins(t, c, peer)
	quotes(t, c, peer)

	c.retitle("A better vise")
	peer.wait("the edit arrives", func(got map[string]any) bool { return got["kind"] == "Update" && got["name"] == "A better vise" })
	if err := c.db.DeleteVideo(t.Context(), video); err != nil {
		t.Fatal(err)
	}
	peer.wait("the video goes", func(got map[string]any) bool { return got["kind"] == "Delete" && got["objectId"] == object })
	if status := status(t, object); status != http.StatusGone {
		t.Errorf("the video's id answers %d, want 410", status)
	}
	peer.do("unfollow", "to", person)
	c.wait("no follower", func() bool { return c.followers() == 0 })
	blocked(t, c, peer)
	peer.signatures(t)
	peer.strict(t)
}

// conversation is what Ada does with a video, and what she takes back.
func conversation(t *testing.T, c *channel, peer *peer) {
	peer.do("like", "to", person, "on", object)
	peer.do("boost", "to", person, "on", object)
	c.wait("a like and a boost", func() bool { v := c.video(); return v.Likes == 1 && v.Boosts == 1 })

	first := []string{"to", person, "id", "1", "on", object, "content", `<p>At 0:05 it <b>slips</b><script>alert(1)</script></p>`, "mention", person}
	peer.do("reply", first...)
	c.wait("a comment", func() bool { return len(c.comments()) == 1 })
	said := c.comments()[0]
	if strings.Contains(said.HTML, "script") || !strings.Contains(said.HTML, "slips") || said.Acct != "@ada@127.0.0.1:"+theirs {
		t.Errorf("the comment is %+v", said)
	}
	page := get(t, base+"/w/"+video)
	for _, want := range []string{"slips", "1 comment", "Ada", ada + "/@ada/1"} {
		if !strings.Contains(page, want) {
			t.Errorf("the watch page lacks %q", want)
		}
	}
	peer.do("reply", "to", person, "id", "2", "on", ada+"/notes/1", "content", "<p>Mine, I mean</p>")
	c.wait("an answer to the comment", func() bool { list := c.comments(); return len(list) == 2 && list[0].Parent == said.ID })

	peer.do("edit", append(first, "content", "<p>It holds after all</p>", "updated", "2026-02-03T04:05:06Z")...)
	c.wait("the edit", func() bool { list := c.comments(); return strings.Contains(list[len(list)-1].HTML, "holds") })

	hand, err := fediverse.Hand(t.Context(), c.data, c.db)
	if err != nil {
		t.Fatal(err)
	}
	defer hand.Close()
	answer, err := hand.Reply(t.Context(), video, said.ID, "Glad to *hear* it")
	if err != nil {
		t.Fatal(err)
	}
	heard := peer.wait("the creator's answer", func(got map[string]any) bool { return got["kind"] == "Create" && got["type"] == "Note" })
	if heard["reply"] != ada+"/notes/1" || heard["objectId"] != answer.URI || !strings.Contains(fmt.Sprint(heard["content"]), "<em>hear</em>") {
		t.Errorf("the answer arrives as %v", heard)
	}
	peer.do("strict", "id", answer.URI)
	if err := hand.DeleteReply(t.Context(), answer.ID); err != nil {
		t.Fatal(err)
	}
	peer.wait("it is taken back", func(got map[string]any) bool { return got["kind"] == "Delete" && got["objectId"] == answer.URI })
	deeds(t, hand, peer, said.ID)

	peer.do("unlike", "to", person, "on", object)
	peer.do("unboost", "to", person, "on", object)
	c.wait("neither like nor boost", func() bool { v := c.video(); return v.Likes == 0 && v.Boosts == 0 })
	peer.do("remove", "to", person, "id", "2")
	peer.do("remove", "to", person, "id", "1")
	c.wait("no comment", func() bool { return len(c.comments()) == 0 })
}

// deeds are what the creator does with a comment, and with a note that is named by its address,
// and takes back.
func deeds(t *testing.T, hand *fed.Fed, peer *peer, comment int64) {
	for kind, activity := range map[string]string{fed.Like: "Like", fed.Boost: "Announce"} {
		done, err := hand.DoTo(t.Context(), kind, comment)
		must(t, err)
		peer.wait("a "+kind, func(got map[string]any) bool {
			return got["kind"] == activity && got["actor"] == person && got["objectId"] == ada+"/notes/1"
		})
		if kind == fed.Boost {
			peer.do("strict", "id", base+"/activities/boost/"+done.ID)
			peer.do("strict", "id", person+"/outbox?page=1")
			if items := fmt.Sprint(peer.ask("outbox", "id", person)); items != "[Announce "+ada+"/notes/1 Create "+object+"]" {
				t.Errorf("the outbox holds %s", items)
			}
		}
		_, err = hand.TakeBack(t.Context(), kind, comment, "")
		must(t, err)
		peer.wait("a "+kind+" taken back", func(got map[string]any) bool {
			return got["kind"] == "Undo" && got["actor"] == person && got["type"] == activity && got["inner"] == ada+"/notes/1"
		})
	}
	elsewhere, err := hand.DoAt(t.Context(), fed.Like, ada+"/notes/2")
	must(t, err)
	if elsewhere.Acct != "@ada@127.0.0.1:"+theirs {
		t.Errorf("%+v", elsewhere)
	}
	peer.wait("a like by address", func(got map[string]any) bool { return got["kind"] == "Like" && got["objectId"] == ada+"/notes/2" })
}

// lists looks who follows: how many is told to everybody, who if the creator wants that.
func lists(t *testing.T, c *channel, peer *peer) {
	page := person + "/followers?page=1"
	c.wait("the count", func() bool {
		return strings.Contains(fmt.Sprint(peer.do("strict", "id", person+"/followers")), as+"totalItems:[map[@type:http://www.w3.org/2001/XMLSchema#nonNegativeInteger @value:1]]")
	})
	if status := status(t, page); status != http.StatusNotFound {
		t.Errorf("who follows: %d", status)
	}
	must(t, c.db.SetSetting(t.Context(), "federation.lists", "on"))
	c.wait("the list", func() bool { return status(t, page) == http.StatusOK })
	if got := fmt.Sprint(peer.do("strict", "id", page)); !strings.Contains(got, ada+"/users/ada") {
		t.Errorf("who follows: %s", got)
	}
	peer.do("strict", "id", person+"/following?page=1")
	must(t, c.db.SetSetting(t.Context(), "federation.lists", "off"))
	c.wait("no list", func() bool { return status(t, page) == http.StatusNotFound })
}

// pins are told as additions to the collection that the actor names.
func pins(t *testing.T, c *channel, peer *peer) {
	change := func(kind string, do func() error) {
		must(t, do())
		got := peer.wait(kind, func(got map[string]any) bool { return got["kind"] == kind })
		if got["actor"] != person || got["objectId"] != object || got["target"] != person+"/featured" {
			t.Errorf("%s arrives as %v", kind, got)
		}
		// While none is pinned the latest is there.
		if featured := peer.do("strict", "id", person+"/featured"); !strings.Contains(fmt.Sprint(featured), object) {
			t.Errorf("featured: %v", featured)
		}
	}
	change("Add", func() error { return c.db.Pin(t.Context(), video, time.Now()) })
	change("Remove", func() error { return c.db.Unpin(t.Context(), video) })
}

// quotes asks for quotes, allowed and not, and looks an allowance up. Fedify 1.10 has no words for
// them, so that what it says is written by hand, and what it hears is read by the JSON-LD processor.
func quotes(t *testing.T, c *channel, peer *peer) {
	asked := peer.do("quote", "to", person, "id", "q1", "on", object)
	accept := peer.hear("the quote is allowed", as+"Accept", asked["id"])
	result := ref(accept, as+"result")
	said := peer.do("strict", "id", result)
	for property, want := range map[string]string{
		as + "attributedTo": person, gts + "interactingObject": fmt.Sprint(asked["note"]), gts + "interactionTarget": object,
	} {
		if got := ref(said, property); got != want {
			t.Errorf("%s of the authorization is %q, want %q", property, got, want)
		}
	}
	if said["@id"] != result || fmt.Sprint(said["@type"]) != "["+fep044f+"QuoteAuthorization]" || !strings.HasPrefix(result, base+"/") {
		t.Errorf("the authorization is %v", said)
	}

	must(t, c.db.SetSetting(t.Context(), "federation.quotes", "off"))
	asked = peer.do("quote", "to", person, "id", "q2", "on", object)
	reject := peer.hear("the quote is refused", as+"Reject", asked["id"])
	if ref(reject, as+"actor") != person || ref(reject, as+"result") != "" {
		t.Errorf("the refusal is %v", reject)
	}
	must(t, c.db.SetSetting(t.Context(), "federation.quotes", "on"))
}

// blocked asks for a quote as somebody who is blocked.
func blocked(t *testing.T, c *channel, peer *peer) {
	hand, err := fediverse.Hand(t.Context(), c.data, c.db)
	must(t, err)
	defer hand.Close()
	must(t, hand.Block(t.Context(), social.Block{Target: "@ada@127.0.0.1:" + theirs}))
	n := 0
	c.wait("a refusal", func() bool { // the server hears of blocks within two seconds
		n++
		return peer.do("quote", "to", person, "id", fmt.Sprint("blocked", n), "on", object)["status"] == float64(http.StatusForbidden)
	})
}

// Namespaces of what the JSON-LD processor makes of our words.
const (
	as      = "https://www.w3.org/ns/activitystreams#"
	gts     = "https://gotosocial.org/ns#"
	fep044f = "https://w3id.org/fep/044f#"
)

// ref returns the first id that a property of an expanded object has.
func ref(o map[string]any, property string) string {
	list, _ := o[property].([]any)
	for _, one := range list {
		if value, ok := one.(map[string]any); ok {
			id, _ := value["@id"].(string)
			return id
		}
	}
	return ""
}

// channel is a server of ours that runs.
type channel struct {
	t    *testing.T
	data string
	db   *store.Store
}

func serve(t *testing.T) *channel {
	t.Helper()
	data := t.TempDir()
	db, err := store.Open(t.Context(), filepath.Join(data, "tubelet.db"))
	if err != nil {
		t.Fatal(err)
	}
	must(t, db.CreateChannel(t.Context(), store.Channel{
		Handle: "workshop", Domain: ours, Local: true, Name: "The Small Workshop", Description: "Wood & *steel*", Language: "en", CreatedAt: time.Now(),
		Links: []store.Link{{Label: "Blog", URL: "https://blog.example/"}},
	}))
	must(t, db.SetSetting(t.Context(), "federation.private", "127.0.0.0/8"))
	ctx, stop := context.WithCancel(context.Background())
	ready, ended := make(chan string, 1), make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{
			Data: data, Store: db, Media: media.New(media.Config{}), Listen: ours, Local: true, Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})),
			Ready: func(address string) { ready <- address },
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		db.Close()
	})
	select {
	case <-ready:
	case err := <-ended:
		ended <- err
		t.Fatal(err)
	}
	return &channel{t, data, db}
}

func (c *channel) publish() {
	must(c.t, c.db.CreateVideo(c.t.Context(), store.NewVideo{Video: store.Video{
		ID: video, Title: "A bench vise", Description: "How to *hold* things.", Visibility: store.Public, Tags: []string{"wood"}, Downloads: true, CreatedAt: time.Now(), Language: "en", License: "CC-BY-4.0",
		Chapters: []store.Chapter{{Title: "Start"}, {Start: 5 * time.Second, Title: "Jaws"}},
		Captions: []store.Caption{{Language: "en", Label: "English", File: "en-0badcafe.vtt"}},
		Media: store.Media{
			Rev: 1, State: store.Done, Duration: 9 * time.Second, Width: 1280, Height: 720, FPS: 25, HasVideo: true, HasAudio: true,
			Poster: "poster-0badcafe.jpg", PosterWidth: 1280, PosterHeight: 720,
			Storyboard: store.Storyboard{File: "storyboard-0badcafe.jpg", VTT: "storyboard-0badcafe.vtt", Columns: 2, Rows: 2, Width: 160, Height: 90, Interval: 10 * time.Second},
			Renditions: []store.Rendition{{Height: 720, File: "720p.mp4", Playlist: "720p.m3u8", Bytes: 1e6, Width: 1280, PixHeight: 720, FPS: 25, Codecs: "avc1.64001f,mp4a.40.2", Infohash: strings.Repeat("ab", 20), Pieces: 1 << 17}},
		},
	}}))
}

func (c *channel) retitle(title string) {
	v := c.video()
	v.Title = title
	must(c.t, c.db.UpdateVideo(c.t.Context(), v))
}

func (c *channel) video() store.Video {
	v, err := c.db.Video(c.t.Context(), video)
	must(c.t, err)
	return v
}

// comments returns what is shown, the latest first.
func (c *channel) comments() []social.Comment {
	list, err := c.db.Social().Comments(c.t.Context(), video, 0, 50)
	must(c.t, err)
	return list
}

func (c *channel) followers() int {
	_, n, err := c.db.Social().Followers(c.t.Context(), social.Person, 0, 1)
	must(c.t, err)
	return n
}

const patience = 60 * time.Second

func (c *channel) wait(what string, holds func() bool) {
	c.t.Helper()
	for end := time.Now().Add(patience); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			c.t.Fatalf("waited in vain: %s", what)
		}
	}
}

// lead asks, as the script of a watch page does, where Ada does something on her own server.
func lead(t *testing.T, what string) string {
	t.Helper()
	form := url.Values{"what": {what}, "video": {video}, "handle": {"@ada@127.0.0.1:" + theirs}}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/interact", strings.NewReader(form.Encode()))
	must(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Accept", "application/json")
	answer, err := http.DefaultClient.Do(r)
	must(t, err)
	defer answer.Body.Close()
	var told struct{ Location, Problem string }
	must(t, json.NewDecoder(answer.Body).Decode(&told))
	if told.Problem != "" {
		t.Errorf("%s: %s", what, told.Problem)
	}
	return told.Location
}

func get(t *testing.T, address string) string {
	t.Helper()
	answer, err := http.Get(address)
	must(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	must(t, err)
	return string(body)
}

func status(t *testing.T, id string) int {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, id, nil)
	must(t, err)
	r.Header.Set("Accept", "application/activity+json")
	answer, err := http.DefaultTransport.RoundTrip(r)
	must(t, err)
	answer.Body.Close()
	return answer.StatusCode
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
}
