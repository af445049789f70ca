package media_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tubelet/tubelet/media"
)

func TestProbeFacts(t *testing.T) {
	m := maker(t)
	tests := []struct {
		name string
		path func(t testing.TB) string
		want func(s media.Source) bool
		copy string // part of the reason why it is not copied
	}{
		{"web-ready", webReady, func(s media.Source) bool {
			return s.Width == 320 && s.Height == 240 && s.FPS == 30 && !s.VFR && s.KeyframeGap == 2*time.Second &&
				near(s.Duration, 4) && s.AudioCodec == "aac" && s.Channels == 1
		}, ""},
		{"matroska", matroska, func(s media.Source) bool {
			return s.CopyReason() == "" && s.FPS == 30 && !s.VFR && near(s.Duration, 4) && near(s.KeyframeGap, 2)
		}, ""},
		{"transport stream", transport, func(s media.Source) bool { return near(s.Duration, 4) && near(s.KeyframeGap, 2) }, ""},
		{"no sound", silent, func(s media.Source) bool { return s.HasVideo && !s.HasAudio }, ""},
		{"audio only", func(t testing.TB) string { return clip(t, "a.m4a", sound+aac) },
			func(s media.Source) bool { return !s.HasVideo && s.HasAudio && near(s.Duration, 4) }, "no picture"},
		{"mp3", func(t testing.TB) string { return clip(t, "a.mp3", sound+" -c:a libmp3lame") },
			func(s media.Source) bool { return s.HasAudio && s.AudioCodec == "mp3" && near(s.Duration, 4) }, "no picture"},
		{"cover art", coverArt, func(s media.Source) bool { return !s.HasVideo && s.HasAudio && s.CoverArt }, "no picture"},
		{"odd 4:4:4", odd, func(s media.Source) bool { return s.Width == 321 && s.Height == 241 && s.PixFmt == "yuv444p" }, "yuv444p"},
		{"rotated", rotated, func(s media.Source) bool { return s.Width == 240 && s.Height == 320 && s.Rotation != 0 }, "rotated"},
		{"anamorphic", func(t testing.TB) string { return clip(t, "dar.mp4", picture+x264+" -aspect 16:9") },
			func(s media.Source) bool { return s.Width == 427 && s.Height == 240 }, ""},
		{"varying rate", varying, func(s media.Source) bool { return s.VFR && s.FPS > 15 && s.FPS < 31 }, ""},
		{"1000 frames a second", func(t testing.TB) string {
			return clip(t, "k.mp4", "-f lavfi -i testsrc2=s=64x64:r=1000:d=1"+x264)
		}, func(s media.Source) bool { return math.Abs(s.FPS-1000) < 1 }, "1000 frames"},
		{"HDR", hdr, func(s media.Source) bool { return s.HDR && s.VideoCodec == "hevc" }, "hevc"},
		{"interlaced", interlaced, func(s media.Source) bool { return s.Interlaced && s.FPS == 25 }, "mpeg2video"},
		{"one keyframe", func(t testing.TB) string {
			return clip(t, "onekey.mp4", "-f lavfi -i testsrc2=s=64x64:r=10:d=12 -c:v libx264 -g 999 -sc_threshold 0")
		}, func(s media.Source) bool { return near(s.KeyframeGap, 12) }, "keyframes"},
		{"open GOP", openGOP, func(s media.Source) bool { return s.OpenGOP && near(s.KeyframeGap, 1) }, "lean on"},
		{"open GOP in Matroska", func(t testing.TB) string { return clip(t, "open.mkv", "-i "+openGOP(t)+" -c copy") },
			func(s media.Source) bool { return s.OpenGOP }, "lean on"},
		{"open GOP in a transport stream", func(t testing.TB) string { return clip(t, "open.ts", "-i "+openGOP(t)+" -c copy") },
			func(s media.Source) bool { return s.OpenGOP }, "lean on"},
		{"closed GOP with many keys", func(t testing.TB) string {
			return clip(t, "intra.mkv", "-f lavfi -i testsrc2=s=160x120:r=30:d=3 -c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 1")
		}, func(s media.Source) bool { return !s.OpenGOP && s.CopyReason() == "" }, ""},
		{"false length", longHeader, func(s media.Source) bool { return near(s.Duration, 4) }, ""},
		{"everything", everything, func(s media.Source) bool {
			return s.Channels == 6 && len(s.Audio) == 2 && s.Audio[1].Language == "de" && s.Title == "The Title" &&
				len(s.Subtitles) == 1 && s.Subtitles[0].Language == "en" && len(s.Chapters) == 2 && s.Chapters[1].Title == "Two"
		}, ""},
		{"strange name", strangeName, func(s media.Source) bool { return near(s.Duration, 4) }, ""},
		{"symlink", symlink, func(s media.Source) bool { return near(s.Duration, 4) }, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s := probe(t, m, test.path(t))
			if !test.want(s) {
				t.Errorf("got %+v", s)
			}
			if reason := s.CopyReason(); !strings.Contains(reason, test.copy) || test.name == "web-ready" && reason != "" {
				t.Errorf("CopyReason = %q, want one with %q", reason, test.copy)
			}
		})
	}
}

func TestProbeRefuses(t *testing.T) {
	m := maker(t)
	bytesFile := func(name string, data []byte) func(testing.TB) string {
		return func(t testing.TB) string { return write(t, name, data) }
	}
	tests := []struct {
		name   string
		path   func(t testing.TB) string
		reason string
	}{
		{"empty", bytesFile("e.mp4", nil), "empty"},
		{"text", bytesFile("t.mp4", []byte("hello, this is not a video\n")), "not a video"},
		{"text as text", bytesFile("t.txt", bytes.Repeat([]byte("root:x:0:0:root:/root:/bin/bash\n"), 40)), "not a video"},
		{"random", bytesFile("r.mp4", noise(200_000)), "not a video"},
		{"subtitles only", bytesFile("s.srt", []byte("1\n00:00:00,000 --> 00:00:01,000\nhi\n")), "not a video"},
		{"no index", noIndex, "never finished"},
		{"cut short", cutShort, "ends early"},
		{"matroska cut short", cutMatroska, "ends early"},
		{"1x1", func(t testing.TB) string {
			return clip(t, "1x1.mkv", "-f lavfi -i color=s=2x2:d=1,crop=1:1,format=gray -c:v ffv1")
		}, "1×1"},
		{"2x2", func(t testing.TB) string { return clip(t, "2x2.mp4", "-f lavfi -i color=s=2x2:d=1"+x264) }, "2×2"},
		{"huge", func(t testing.TB) string {
			return clip(t, "wide.mp4", "-f lavfi -i color=s=16384x64:d=0.1:r=10"+x264)
		}, "16384×64"},
		{"9 sound tracks", func(t testing.TB) string { return tracks(t, "many.mkv", 9) }, "more than 8 tracks"},
		{"40 sound tracks", func(t testing.TB) string { return tracks(t, "more.mkv", 40) }, "more than 8 tracks"},
		{"1000 streams in Matroska", func(t testing.TB) string { return tracks(t, "k.mka", 1000) }, "more than 8 tracks"},
		{"1000 streams in MP4", func(t testing.TB) string { return tracks(t, "k.m4a", 1000) }, "more than 8 tracks"},
		{"1000 streams in a transport stream", func(t testing.TB) string { return tracks(t, "k.ts", 1000) }, "more than 8 tracks"},
		{"Dolby Vision alone", func(t testing.TB) string { return dolby(t, 5, 0) }, "Dolby Vision"},
		{"folder", func(t testing.TB) string { return t.TempDir() }, "regular file"},
		{"device", func(t testing.TB) string { return os.DevNull }, "regular file"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := m.Probe(t.Context(), test.path(t))
			var refused *media.RefusedError
			if !errors.As(err, &refused) || !strings.Contains(refused.Reason, test.reason) {
				t.Errorf("Probe = %v, want a refusal with %q", err, test.reason)
			}
		})
	}
}

// TestProbeNeighbours gives files that name other files and hosts: nothing else is read.
func TestProbeNeighbours(t *testing.T) {
	m := maker(t)
	var hits atomic.Int32
	ln, err := net.Listen("tcp", "127.0.0.1:18020")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			hits.Add(1)
			c.Close()
		}
	}()
	secret, err := os.ReadFile(transport(t))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for _, name := range []string{"secret.ts", "secret.mp4"} {
		if err := os.WriteFile(filepath.Join(dir, name), secret, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	hls := "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n%\n#EXT-X-ENDLIST\n"
	concat := "ffconcat version 1.0\nfile %\n"
	dash := `<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet mimeType="video/mp4">` +
		`<Representation id="1" bandwidth="1"><BaseURL>%</BaseURL></Representation></AdaptationSet></Period></MPD>`
	sdp := "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 18020 RTP/AVP 96\na=rtpmap:96 H264/90000\n"
	for kind, text := range map[string]string{"hls": hls, "concat": concat, "dash": dash, "sdp": sdp} {
		for _, target := range []string{"secret.ts", "secret.mp4", "file://" + filepath.Join(dir, "secret.ts"),
			"http://127.0.0.1:18020/x.ts"} {
			for _, ext := range []string{".mp4", "." + kind} {
				path := filepath.Join(dir, "in"+ext)
				if err := os.WriteFile(path, []byte(strings.ReplaceAll(text, "%", target)), 0o600); err != nil {
					t.Fatal(err)
				}
				if src, err := m.Probe(t.Context(), path); err == nil {
					t.Errorf("%s naming %s as %s was taken: %+v", kind, target, ext, src)
				}
			}
			// A caller that skips the probe must not get further either.
			forged := media.Source{Path: filepath.Join(dir, "in.mp4"), HasVideo: true, Width: 320, Height: 240, VideoLength: time.Second, FPS: 30}
			if _, err := m.Poster(t.Context(), forged, 0, t.TempDir()); err == nil {
				t.Errorf("%s naming %s became a poster", kind, target)
			}
		}
	}
	if n := hits.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func TestProbeWithoutFFmpeg(t *testing.T) {
	m := media.New(media.Config{FFmpeg: "/nonexistent/ffmpeg", FFprobe: "/nonexistent/ffprobe"})
	s := probe(t, m, webReady(t))
	if s.CopyReason() != "" || s.Width != 320 || s.FPS != 30 || !near(s.Duration, 4) {
		t.Errorf("got %+v, reason %q", s, s.CopyReason())
	}
	if _, err := m.Probe(t.Context(), matroska(t)); !errors.Is(err, media.ErrNoFFmpeg) {
		t.Errorf("matroska: %v, want ErrNoFFmpeg", err)
	}
	var refused *media.RefusedError
	if _, err := m.Probe(t.Context(), write(t, "x.mp4", []byte("hello"))); !errors.As(err, &refused) {
		t.Errorf("text: %v, want a refusal", err)
	}
	if _, err := m.Probe(t.Context(), cutShort(t)); !errors.As(err, &refused) {
		t.Errorf("cut short: %v, want a refusal", err)
	}
}

func TestProbeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := maker(t).Probe(ctx, matroska(t)); !errors.Is(err, context.Canceled) {
		t.Errorf("Probe = %v, want Canceled", err)
	}
}

func near(d time.Duration, seconds float64) bool { return math.Abs(d.Seconds()-seconds) < 0.15 }

func write(t testing.TB, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// noise returns n bytes that look random and are always the same.
func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func matroska(t testing.TB) string { return clip(t, "m.mkv", "-i "+webReady(t)+" -c copy") }
func transport(t testing.TB) string {
	return clip(t, "t.ts", "-i "+webReady(t)+" -c copy -muxdelay 3 -muxpreload 3")
}
func silent(t testing.TB) string { return clip(t, "silent.mp4", picture+x264) }
func rotated(t testing.TB) string {
	return clip(t, "rot.mp4", "-i "+webReady(t)+" -c copy -metadata:s:v rotate=90")
}
func odd(t testing.TB) string {
	return clip(t, "odd.mp4", "-f lavfi -i testsrc2=s=400x300:r=30:d=2 -vf scale=321:241,format=yuv444p -c:v libx264 -preset ultrafast -pix_fmt yuv444p")
}

// openGOP returns a clip whose keyframes, but for the first, are recovery points.
func openGOP(t testing.TB) string {
	return clip(t, "open.mp4", "-f lavfi -i testsrc2=s=160x120:r=30:d=6 -c:v libx264 -preset faster -pix_fmt yuv420p"+
		" -x264-params open-gop=1:keyint=30:min-keyint=30:scenecut=0:bframes=3")
}

// tracks returns a file with n times the same sound.
func tracks(t testing.TB, name string, n int) string {
	one := clip(t, "short.m4a", "-f lavfi -i sine=d=0.2 -c:a aac")
	return clip(t, name, "-i "+one+strings.Repeat(" -map 0:a", n)+" -c copy")
}

func coverArt(t testing.TB) string {
	cover := clip(t, "cover.png", "-f lavfi -i testsrc2=s=200x200:d=0.1 -frames:v 1")
	return clip(t, "cover.mp3", sound+" -i "+cover+" -map 0:a -map 1:v -c:v copy -c:a libmp3lame -disposition:v attached_pic")
}

func varying(t testing.TB) string {
	return clip(t, "vfr.mkv", "-f lavfi -i testsrc2=s=320x240:r=30:d=10"+
		" -vf select='not(between(mod(n\\,50)\\,10\\,19))*not(eq(mod(n\\,7)\\,3))' -vsync vfr"+x264)
}

func hdr(t testing.TB) string {
	return clip(t, "hdr.mp4", "-f lavfi -i testsrc2=s=320x240:r=30:d=2 -vf format=yuv420p10le -c:v libx265 -preset ultrafast"+
		" -x265-params log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"+
		" -color_primaries bt2020 -color_trc smpte2084 -colorspace bt2020nc -tag:v hvc1")
}

// hlg returns a clip as phones and television cameras make them.
func hlg(t testing.TB) string {
	return clip(t, "hlg.mp4", "-f lavfi -i testsrc2=s=160x120:r=30:d=2 -vf format=yuv420p10le -c:v libx265 -preset ultrafast"+
		" -x265-params log-level=error:colorprim=bt2020:transfer=arib-std-b67:colormatrix=bt2020nc"+
		" -color_primaries bt2020 -color_trc arib-std-b67 -colorspace bt2020nc -tag:v hvc1")
}

// dolby returns the same clip with a record that makes it Dolby Vision of that profile.
// Compatibility says what it is for others: 0 nothing, 4 HLG.
func dolby(t testing.TB, profile, compatibility byte) string {
	data, err := os.ReadFile(hlg(t))
	if err != nil {
		t.Fatal(err)
	}
	record := append([]byte{0, 0, 0, 32, 'd', 'v', 'v', 'C', 1, 0, profile << 1, 1<<3 | 1<<2 | 1, compatibility << 4}, make([]byte, 19)...)
	at := 0
	for _, kind := range []string{"moov", "trak", "mdia", "minf", "stbl", "stsd", "hvc1"} { // each holds the next
		next := bytes.Index(data[at:], []byte(kind))
		if next < 4 {
			t.Fatalf("the fixture has no %s", kind)
		}
		at += next
		size := binary.BigEndian.Uint32(data[at-4:])
		binary.BigEndian.PutUint32(data[at-4:], size+uint32(len(record)))
	}
	end := at - 4 + int(binary.BigEndian.Uint32(data[at-4:])) - len(record)
	return write(t, "dolby.mp4", slices.Concat(data[:end], record, data[end:]))
}

func interlaced(t testing.TB) string {
	return clip(t, "tff.ts", "-f lavfi -i testsrc2=s=320x240:r=50:d=4 -vf interlace -c:v mpeg2video -flags +ildct+ilme -b:v 2M")
}

func everything(t testing.TB) string {
	srt := filepath.Join(clips.dir, "in.srt")
	meta := filepath.Join(clips.dir, "in.ffmeta")
	for path, text := range map[string]string{
		srt:  "1\n00:00:00,500 --> 00:00:01,500\n<b>Hello</b> there\n\n2\n00:00:02,000 --> 00:00:03,000\nSecond\n",
		meta: ";FFMETADATA1\ntitle=The Title\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=2000\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=2000\nEND=4000\ntitle=Two\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return clip(t, "all.mkv", picture+" -f lavfi -i anoisesrc=d=4:a=0.1,aformat=channel_layouts=5.1"+sound+
		" -i {dir}/in.srt -i {dir}/in.ffmeta -map 0 -map 1 -map 2 -map 3 -map_metadata 4 -map_chapters 4"+x264+
		" -c:a:0 ac3 -c:a:1 aac -c:s srt -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -metadata:s:s:0 language=eng")
}

// longHeader is a clip whose header claims 2^31 seconds.
func longHeader(t testing.TB) string {
	data, err := os.ReadFile(webReady(t))
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(data, []byte("mvhd")) + 4 + 4 + 8
	binary.BigEndian.PutUint32(data[at:], 1)         // ticks a second
	binary.BigEndian.PutUint32(data[at+4:], 1<<31-1) // ticks
	return write(t, "long.mp4", data)
}

func faststart(t testing.TB) []byte {
	data, err := os.ReadFile(clip(t, "fast.mp4", "-i "+webReady(t)+" -c copy -movflags +faststart"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func cutShort(t testing.TB) string {
	data := faststart(t)
	return write(t, "cut.mp4", data[:len(data)/4])
}

func noIndex(t testing.TB) string {
	data, err := os.ReadFile(webReady(t))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "noindex.mp4", data[:len(data)/2])
}

func cutMatroska(t testing.TB) string {
	data, err := os.ReadFile(matroska(t))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "cut.mkv", data[:len(data)/3])
}

func strangeName(t testing.TB) string {
	data, err := os.ReadFile(webReady(t))
	if err != nil {
		t.Fatal(err)
	}
	return write(t, "-i\n%03d 'x\".m3u8", data)
}

func symlink(t testing.TB) string {
	path := filepath.Join(t.TempDir(), "link.mp4")
	if err := os.Symlink(webReady(t), path); err != nil {
		t.Fatal(err)
	}
	return path
}
