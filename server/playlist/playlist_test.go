package playlist_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tubelet/tubelet/server/playlist"
	"github.com/tubelet/tubelet/store"
)

func rung(name string, height, width, rows, peak int) store.Rendition {
	return store.Rendition{
		Height: height, Width: width, PixHeight: rows, FPS: 30000.0 / 1001,
		File: name + ".mp4", Playlist: name + ".m3u8",
		Codecs: "avc1.64001f,mp4a.40.2", Bandwidth: peak, Average: peak / 2,
	}
}

func TestMaster(t *testing.T) {
	sound := store.Rendition{Playlist: "audio.m3u8", Codecs: "mp4a.40.2", Bandwidth: 130000, Average: 128000}
	german := store.Rendition{Playlist: "audio-de.m3u8", Codecs: "mp4a.40.2", Bandwidth: 130000, Language: "de"}
	french := store.Rendition{Playlist: "audio-fr.m3u8", Codecs: "mp4a.40.2", Bandwidth: 130000, Language: "fr"}
	hostile := german
	hostile.Language = "x\"\n#EXT-X-EVIL"
	for _, c := range []struct {
		name     string
		media    store.Media
		language string
		want     string
	}{
		{"nothing plays", store.Media{HasVideo: true}, "en", ""},
		{"the starter is first", store.Media{HasVideo: true, Renditions: []store.Rendition{
			rung("1080p", 1080, 1920, 1080, 6000000), rung("720p", 720, 1280, 720, 3000000),
			rung("480p", 480, 854, 480, 1500000), rung("360p", 360, 640, 360, 800000),
		}}, "en", `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=1500000,AVERAGE-BANDWIDTH=750000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=854x480,FRAME-RATE=29.970
480p.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=800000,AVERAGE-BANDWIDTH=400000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=640x360,FRAME-RATE=29.970
360p.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=1500000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970
720p.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=6000000,AVERAGE-BANDWIDTH=3000000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1920x1080,FRAME-RATE=29.970
1080p.m3u8
`},
		{"only a high one", store.Media{HasVideo: true, Renditions: []store.Rendition{rung("1080p", 1080, 1080, 1920, 6000000)}}, "", `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=6000000,AVERAGE-BANDWIDTH=3000000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=1080x1920,FRAME-RATE=29.970
1080p.m3u8
`},
		{"audio only", store.Media{HasAudio: true, Renditions: []store.Rendition{sound}}, "en", `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2"
audio.m3u8
`},
		{"further languages", store.Media{HasVideo: true, HasAudio: true, Renditions: []store.Rendition{
			rung("480p", 480, 854, 480, 1500000), german, french, german,
		}}, "en", `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="en",LANGUAGE="en",DEFAULT=YES,AUTOSELECT=YES
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="de",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,URI="audio-de.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="de 2",LANGUAGE="de",DEFAULT=NO,AUTOSELECT=YES,URI="audio-de.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="fr",LANGUAGE="fr",DEFAULT=NO,AUTOSELECT=YES,URI="audio-fr.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1500000,AVERAGE-BANDWIDTH=750000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=854x480,FRAME-RATE=29.970,AUDIO="audio"
480p.m3u8
`},
		{"a hostile language", store.Media{HasVideo: true, Renditions: []store.Rendition{rung("480p", 480, 854, 480, 1500000), hostile}}, "", `#EXTM3U
#EXT-X-VERSION:7
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="main",DEFAULT=YES,AUTOSELECT=YES
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="audio",NAME="x#EXT-X-EVIL",LANGUAGE="x#EXT-X-EVIL",DEFAULT=NO,AUTOSELECT=YES,URI="audio-de.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=1500000,AVERAGE-BANDWIDTH=750000,CODECS="avc1.64001f,mp4a.40.2",RESOLUTION=854x480,FRAME-RATE=29.970,AUDIO="audio"
480p.m3u8
`},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := string(playlist.Master(c.media, c.language))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("master playlist (-want +got):\n%s", diff)
			}
			if again := string(playlist.Master(c.media, c.language)); again != got {
				t.Error("the same media gave other bytes")
			}
		})
	}
}
