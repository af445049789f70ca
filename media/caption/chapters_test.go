package caption

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestParseChapters(t *testing.T) {
	want := []Chapter{{0, "Intro"}, {90 * time.Second, "The <joint> & glue"}, {time.Hour + 2*time.Second, "End"}}
	for _, tt := range []struct{ name, in string }{
		{"lines", "# my list\n0:00 Intro\n1:30 The <joint> & glue\n1:00:02 End\n"},
		{"unordered lines with separators", "1:00:02 - End\r\n- [0:00] Intro\r\n2. (1:30) | The <joint> & glue\r\n"},
		{"webvtt", "\ufeffWEBVTT\n\n1\n00:00.000 --> 01:30.000\nIntro\n\n01:30.000 --> 01:00:02.000\nThe &lt;joint&gt; &amp; glue\n\n01:00:02.000 --> 01:01:00.000\n<b>End</b>\n"},
		{"ffmetadata", ";FFMETADATA1\ntitle=all\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=90000\ntitle=Intro\n[CHAPTER]\nTIMEBASE=1/1\nSTART=90\ntitle=The <joint\\> & glue\n" +
			"[STREAM]\ntitle=x\n[CHAPTER]\nSTART=3602000000000\ntitle=End\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := ParseChapters(strings.NewReader(tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseChaptersRefuses(t *testing.T) {
	for _, tt := range []struct{ name, in, says string }{
		{"nothing", "\n# none\n", "no chapters found"},
		{"no time", "0:00 Intro\nThe end\n", "line 2: expected a time and a title"},
		{"no title", "0:00\n", "line 1: expected a time and a title"},
		{"twice", "0:00 A\n0:00 B\n", `two chapters begin at 00:00:00.000: "A" and "B"`},
		{"no start", ";FFMETADATA1\n[CHAPTER]\ntitle=x\n", "line 2: this chapter needs TIMEBASE"},
		{"base zero", ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/0\nSTART=1\ntitle=x\n", "line 2: this chapter needs TIMEBASE"},
		{"in a century", ";FFMETADATA1\n[CHAPTER]\nTIMEBASE=1/1\nSTART=3155760000\ntitle=x\n", "is its TIMEBASE right"},
		{"untitled", ";FFMETADATA1\n[CHAPTER]\nSTART=1\n", "has no title"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseChapters(strings.NewReader(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.says) {
				t.Errorf("got %v, want ...%s...", err, tt.says)
			}
		})
	}
}

func TestChaptersFromText(t *testing.T) {
	for _, tt := range []struct {
		name, in string
		want     []Chapter
	}{
		{"a list in prose", "About wood.\n\n0:00 Intro\n02:10 - Glue\n* 1:00:00 End\n\nSee 3:00 for more.", []Chapter{{0, "Intro"}, {130 * time.Second, "Glue"}, {time.Hour, "End"}}},
		{"one is no list", "0:00 Intro", nil},
		{"not from the start", "0:10 Intro\n1:00 End", nil},
		{"not ascending", "0:00 Intro\n5:00 End\n1:00 Middle", nil},
		{"times of day", "At 10:30 we met", nil},
		{"nothing", "", nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, ChaptersFromText(tt.in)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestWriteChaptersVTT(t *testing.T) {
	var b strings.Builder
	list := []Chapter{{0, "Intro"}, {90 * time.Second, "A --> <b>\n& c"}, {time.Hour, "Beyond the end"}}
	if err := WriteChaptersVTT(&b, list, 2*time.Minute); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/chapters.vtt", b.String())
}

func TestWriteTilesVTT(t *testing.T) {
	var b strings.Builder
	tiles := Tiles{File: "storyboard-0a1b2c3d.jpg", Columns: 2, Count: 5, Width: 160, Height: 90, Interval: 5 * time.Second, Length: 22500 * time.Millisecond}
	if err := WriteTilesVTT(&b, tiles); err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/tiles.vtt", b.String())
	if err := WriteTilesVTT(&b, Tiles{Interval: time.Second}); err == nil {
		t.Error("took a grid without columns")
	}
}
