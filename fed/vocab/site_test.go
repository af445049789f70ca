package vocab

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/store"
)

var update = flag.Bool("update", false, "write the golden files")

func testSite() Site {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return Site{
		Channel: store.Channel{
			Handle: "workshop", Domain: "video.example", Name: "The Small Workshop", Description: "Wood & steel", Language: "en",
			Avatar: "avatar.png", Banner: "banner.jpg", Links: []store.Link{{Label: "Blog", URL: "https://blog.example/?a&b"}}, CreatedAt: at,
		},
		PublicPEM: "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n",
		HTML: func(text string) string {
			if text == "" {
				return ""
			}
			return "<p>" + strings.ReplaceAll(text, "&", "&amp;") + "</p>"
		},
		Aliases: []string{"https://old.example/users/workshop"},
	}
}

func testVideo() store.Video {
	at := time.Date(2026, 2, 3, 4, 5, 6, 0, time.UTC)
	return store.Video{
		ID: "abcdefghjk", UUID: "8f3a1a5e-3c1f-4a57-9d9b-6f0f6f1d2c3b", Title: "The bench vise", Description: "How to hold things.", Language: "en-GB", License: "CC-BY-4.0",
		Tags: []string{"wood work", "x", "steel"}, Visibility: store.Public, Downloads: true, Views: 12, PublishedAt: at, CreatedAt: at.Add(-time.Hour), UpdatedAt: at,
		Chapters: []store.Chapter{{Title: "Start"}, {Start: 30 * time.Second, Title: "Jaws"}},
		Captions: []store.Caption{{Language: "en", Label: "English", File: "en-11111111.vtt"}},
		Media: store.Media{
			Rev: 2, State: store.Done, Duration: 90*time.Second + 600*time.Millisecond, Width: 1920, Height: 1080, FPS: 29.97, HasVideo: true, HasAudio: true,
			Poster: "poster-22222222.jpg", PosterWidth: 1280, PosterHeight: 720, Thumb: "thumb-33333333.jpg",
			Storyboard: store.Storyboard{File: "storyboard-44444444.jpg", Columns: 10, Rows: 1, Width: 160, Height: 90, Interval: 10 * time.Second},
			Renditions: []store.Rendition{
				{Height: 1080, File: "1080p.mp4", Bytes: 90_000_000, Width: 1920, PixHeight: 1080, FPS: 29.97, Infohash: strings.Repeat("a", 40)},
				{Height: 480, File: "480p.mp4", Bytes: 9_000_000, Width: 854, PixHeight: 480, FPS: 29.97},
				{File: "audio-de.mp4", Bytes: 1_000_000, Language: "de"},
			},
		},
	}
}

func TestGolden(t *testing.T) {
	site, video := testSite(), testVideo()
	at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
	full := Facts{
		Comments: Approved, Replies: 5, Sensitive: "sharp edges", Edited: at,
		Magnets: map[int]string{1080: "magnet:?xt=urn:btih:" + strings.Repeat("a", 40)}, Hashes: "https://video.example/media/abcdefghjk/2/segments-sha256.json",
		Trackers: []string{"wss://video.example/tracker/socket", "https://video.example/tracker/announce"},
	}
	bare := store.Video{ID: "abcdefghjk", UUID: video.UUID, Title: "x", Visibility: store.Public, PublishedAt: at, CreatedAt: at,
		Media: store.Media{Rev: 1, Duration: time.Second, Renditions: []store.Rendition{{File: "audio.mp4", Bytes: 100}}}}
	for name, object := range map[string]Object{
		"person": site.Actors()["workshop"], "group": site.Actors()["workshop_channel"],
		"video": site.FullVideo(video, full), "bare": site.FullVideo(bare, Facts{}),
		"create": site.Create(video, Facts{}), "announce": site.Announce(video), "update": site.Update(video, full, at),
		"delete": site.Delete(video.ID, at), "tombstone": Tombstone(site.Video(video.ID), "Video", at), "chapters": site.Chapters(video),
		"move": site.Move(site.Person(), "https://new.example/users/w", at), "update-actor": site.UpdateActor(site.Group(), at), "delete-actor": site.DeleteActor(site.Person()),
		"accept":     site.Answer("Accept", site.Group(), "https://peer.example/follows/1", "https://peer.example/users/ada", at),
		"collection": Collection(site.Person()+"/outbox", 41, false), "hidden": Collection(Followers(site.Person()), 41, true),
		"page": Page(site.Person()+"/outbox", 41, 2, []any{"https://video.example/activities/create/1"}, true),
	} {
		text, err := json.MarshalIndent(object, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		text = append(text, '\n')
		file := filepath.Join("testdata", name+".json")
		if *update {
			if err := os.WriteFile(file, text, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(text, want) {
			t.Errorf("%s differs from %s; if that is right, run: go test ./fed/vocab -update\n%s", name, file, text)
		}
		checkDefined(t, name, text)
	}
}

// checkDefined checks that every name which ActivityStreams does not have is defined by
// the context, so that a JSON-LD processor keeps it.
func checkDefined(t *testing.T, name string, text []byte) {
	object, err := Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	context := object.values("@context")
	if len(context) != 3 {
		t.Fatalf("%s has no context", name)
	}
	known := standardTerms()
	for term := range context[2].(Object) {
		known = append(known, term)
	}
	delete(object, "@context")
	var walk func(value any)
	walk = func(value any) {
		switch value := value.(type) {
		case Object:
			delete(value, "@context")
			for property, inner := range value {
				if !slices.Contains(known, property) {
					t.Errorf("%s: %q is not defined by the context", name, property)
				}
				walk(inner)
			}
			if kind := value.Type(); kind != "" && !slices.Contains(known, kind) {
				t.Errorf("%s: type %q is not defined by the context", name, kind)
			}
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		}
	}
	walk(object)
}

// standardTerms are those of activitystreams and security/v1 that we use.
func standardTerms() []string {
	return strings.Fields(`id type name content mediaType published updated duration url href rel width height attributedTo to cc audience tag icon image
		summary likes shares replies context preview actor object target first next prev partOf totalItems orderedItems items inbox outbox followers following endpoints
		sharedInbox preferredUsername attachment publicKey owner publicKeyPem formerType deleted support
		Person Group Video Note Link Image Create Update Delete Announce Accept Follow Move Tombstone OrderedCollection OrderedCollectionPage Collection`)
}

func TestNames(t *testing.T) {
	for title, want := range map[string]int{"x": 3, "ab": 3, "abc": 3, strings.Repeat("ä", 200): 120} {
		if got := len([]rune(videoName(title))); got != want {
			t.Errorf("%.9q becomes %d letters, want %d", title, got, want)
		}
	}
}

// A long description gives way to the link, which has to stay.
func TestLongContent(t *testing.T) {
	video := testVideo()
	video.Description = strings.Repeat("long ", 3000)
	content := testSite().content(video)
	if len(content) > maxContent || !strings.Contains(content, "https://video.example/w/abcdefghjk") {
		t.Errorf("%d bytes: %.200s", len(content), content)
	}
}
