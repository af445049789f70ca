package playlist_test

import (
	"slices"
	"testing"
	"time"

	"github.com/tubelet/tubelet/server/playlist"
)

func TestSegments(t *testing.T) {
	text := "#EXTM3U\n#EXT-X-MAP:URI=\"a.mp4\",BYTERANGE=\"700@0\"\n#EXTINF:2.000000,\n#EXT-X-BYTERANGE:100@700\na.mp4\n" +
		"#EXTINF:3.500000,\n#EXT-X-BYTERANGE:50@800\na.mp4\n#EXT-X-ENDLIST\n"
	want := []playlist.Segment{
		{Offset: 700, Size: 100, Duration: 2 * time.Second},
		{Offset: 800, Size: 50, Start: 2 * time.Second, Duration: 3500 * time.Millisecond},
	}
	if got, err := playlist.Segments([]byte(text)); err != nil || !slices.Equal(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{
		"#EXTINF:x,\n", "#EXTINF:-1,\n", "#EXTINF:NaN,\n", "#EXT-X-BYTERANGE:5\n", "#EXT-X-BYTERANGE:0@1\n", "#EXT-X-BYTERANGE:5@-1\n", "#EXT-X-BYTERANGE:a@b\n",
	} {
		if got, err := playlist.Segments([]byte(bad)); err == nil {
			t.Errorf("%q: %+v", bad, got)
		}
	}
}
