package fed_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// fact is what an answer of another server's API holds somewhere: a value, or a part of one.
type fact struct{ at, holds string }

// shown says what docs/interop.md reports of each answer in testdata/*/api, by its name.
func shown() map[string][]fact {
	return map[string][]fact{
		"account.json":     {{"acct", "workshop@video.test"}, {"display_name", "The Small Workshop"}, {"url", "https://video.test/"}},
		"video.json":       {{"uri", "https://video.test/videos/"}, {"account.acct", "workshop@video.test"}, {"content", "https://video.test/w/"}},
		"thread.json":      {{"descendants.*.content", "hear"}, {"descendants.*.account.acct", "workshop@video.test"}},
		"said-like.json":   {{"favourites_count", "1"}},
		"said-boost.json":  {{"reblogs_count", "1"}},
		"honk-video.json":  {{"XID", "https://video.test/videos/"}, {"Precis", "A bench vise"}, {"Donks.*.Media", "video/mp4"}, {"Handle", "workshop@video.test"}},
		"honk-answer.json": {{"*.Noise", "hear"}, {"*.XID", "https://video.test/comments/"}},
		"tube-video.json": {
			{"name", "A bench vise"}, {"description", "<em>hold</em>"}, {"duration", "6"}, {"language.id", "en"}, {"commentsPolicy.id", "1"},
			{"account.name", "workshop"}, {"channel.name", "workshop_channel"},
			{"streamingPlaylists.*.playlistUrl", "https://video.test/media/"}, {"streamingPlaylists.*.segmentsSha256Url", "https://video.test/media/"},
		},
		"tube-captions.json":    {{"data.*.language.id", "en"}},
		"tube-chapters.json":    {{"chapters.*.title", "The vise"}, {"chapters.*.title", "The jaws"}, {"chapters.*.timecode", "3"}},
		"tube-storyboards.json": {{"storyboards.*.spriteDuration", ""}},
		"tube-thread.json":      {{"children.*.comment.text", "Glad to"}, {"children.*.comment.account.host", "video.test"}},
		"tube-approval.json":    {{"data.*.text", "May I?"}, {"data.*.heldForReview", "false"}},
	}
}

// What other servers showed of our channel is what we say they show.
func TestShown(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("testdata", "*", "api", "*.json"))
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(filepath.Dir(filepath.Dir(file)))+"/"+filepath.Base(file), func(t *testing.T) {
			body, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var answer any
			if err := json.Unmarshal(body, &answer); err != nil {
				t.Fatal(err)
			}
			facts := shown()[filepath.Base(file)]
			if facts == nil {
				t.Fatal("nothing is said of it")
			}
			for _, f := range facts {
				if !holds(answer, strings.Split(f.at, "."), f.holds) {
					t.Errorf("%s does not hold %q", f.at, f.holds)
				}
			}
		})
	}
}

// holds reports whether the value at a path, where * is any in a list, holds a text.
func holds(value any, path []string, text string) bool {
	if len(path) == 0 {
		switch value := value.(type) {
		case string:
			return strings.Contains(value, text)
		case bool:
			return strconv.FormatBool(value) == text
		case float64:
			return text == "" || strconv.FormatFloat(value, 'f', -1, 64) == text
		}
		return false
	}
	switch value := value.(type) {
	case map[string]any:
		return holds(value[path[0]], path[1:], text)
	case []any:
		for _, one := range value {
			if path[0] == "*" && holds(one, path[1:], text) {
				return true
			}
		}
	}
	return false
}
