package media

import (
	"encoding/json"
	"strings"
	"testing"
)

// FuzzPackets feeds the reader of ffprobe's packet list, whose numbers come from the file.
func FuzzPackets(f *testing.F) {
	f.Add("stream_index=0|pts_time=1.5|dts_time=1.4|duration_time=0.033|flags=K_\nstream_index=0|pts_time=N/A|flags=__\n", 7)
	f.Add("stream_index=-1|pts_time=1e308|dts_time=-1e308\nstream_index=99999999999|flags=K\n", 1)
	f.Fuzz(func(t *testing.T, text string, cut int) {
		s := &packetScan{spans: map[int]*span{}, left: maxPackets}
		cut = max(1, min(cut, 1<<10))
		for rest := text; rest != ""; {
			n := min(cut, len(rest))
			if _, err := s.Write([]byte(rest[:n])); err != nil {
				return
			}
			rest = rest[n:]
		}
		if p := s.result(); p.keyframeGap < 0 || p.frameGap < 0 {
			t.Errorf("negative gaps: %+v", p)
		}
		if len(s.spans) > maxStreams {
			t.Errorf("%d streams", len(s.spans))
		}
	})
}

// FuzzReport feeds what ffprobe says of a file, and plans what would be made of it.
func FuzzReport(f *testing.F) {
	f.Add(`{"streams":[{"codec_type":"video","codec_name":"h264","width":320,"height":240,"sample_aspect_ratio":"4:3",
"r_frame_rate":"30/1","avg_frame_rate":"30000/1001","side_data_list":[{"side_data_type":"Display Matrix","rotation":-90}],
"tags":{"DURATION":"00:00:04.5","language":"ger"}}],"format":{"duration":"4.5","tags":{"TITLE":"x"}},
"chapters":[{"start_time":"1","tags":{"title":"y"}}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		var rep report
		if json.Unmarshal([]byte(text), &rep) != nil {
			return
		}
		s, err := rep.source("/x", 1000)
		if err != nil || s.refusal() != nil {
			return
		}
		_ = s.CopyReason()
		p := New(Config{Threads: 1}).Plan(s, 2160)
		for _, r := range p.Rungs {
			if r.Width < 2 || r.PixHeight < 2 || r.FPS <= 0 || r.FPS > 61 && !r.Copy {
				t.Errorf("rung %+v of %+v", r, s)
			}
		}
		if strings.ContainsAny(s.Title, "\n\x00\x1b") {
			t.Errorf("title %q", s.Title)
		}
	})
}

// FuzzProgress feeds the reader of ffmpeg's progress.
func FuzzProgress(f *testing.F) {
	f.Add("frame=1\nout_time_us=N/A\nspeed=1x\nprogress=continue\n")
	f.Fuzz(func(t *testing.T, text string) {
		readProgress(strings.NewReader(text), func(s status) {
			if s.time < 0 {
				t.Errorf("time %v", s.time)
			}
		})
	})
}
