package media

import (
	"slices"
	"testing"
	"time"
)

func TestLadder(t *testing.T) {
	tests := []struct {
		short int
		want  []int
	}{
		{4320, []int{4320, 2160, 1440, 1080, 720, 480, 360}},
		{2160, []int{2160, 1440, 1080, 720, 480, 360}},
		{1088, []int{1080, 720, 480, 360}},
		{1080, []int{1080, 720, 480, 360}},
		{900, []int{900, 720, 480, 360}},
		{800, []int{800, 480, 360}},
		{720, []int{720, 480, 360}},
		{576, []int{576, 480, 360}},
		{480, []int{480, 360}},
		{400, []int{400}},
		{300, []int{300}},
		{241, []int{240}},
		{240, []int{240}},
		{144, []int{144}},
		{17, []int{16}},
	}
	for _, test := range tests {
		if got := ladder(test.short); !slices.Equal(got, test.want) {
			t.Errorf("ladder(%d) = %v, want %v", test.short, got, test.want)
		}
	}
}

func TestPlan(t *testing.T) {
	ready := Source{HasVideo: true, VideoCodec: "h264", PixFmt: "yuv420p", Profile: "High", Level: 40, Width: 1920, Height: 1080,
		CodedWidth: 1920, CodedHeight: 1080, FPS: 30, KeyframeGap: 2 * time.Second, Bitrate: 8_000_000,
		Duration: 10 * time.Minute, VideoLength: 10 * time.Minute}
	with := func(change func(*Source)) Source { s := ready; change(&s); return s }
	tests := []struct {
		name    string
		src     Source
		max     int
		copy    bool
		heights []int
		first   []int
	}{
		{"web-ready", ready, 0, true, []int{1080, 720, 480, 360}, []int{1080}},
		{"limited", ready, 720, false, []int{720, 480, 360}, []int{360}},
		{"hevc", with(func(s *Source) { s.VideoCodec = "hevc" }), 2160, false, []int{1080, 720, 480, 360}, []int{360}},
		{"short hevc", with(func(s *Source) { s.VideoCodec, s.VideoLength = "hevc", time.Second }), 2160, false,
			[]int{1080, 720, 480, 360}, []int{1080, 720, 480, 360}},
		{"portrait", with(func(s *Source) { s.Width, s.Height, s.Rotation = 1080, 1920, 90 }), 0, false, []int{1080, 720, 480, 360}, []int{360}},
		{"short portrait", with(func(s *Source) { s.Width, s.Height, s.Rotation, s.VideoLength = 1080, 1920, 90, 15*time.Second }), 0, false,
			[]int{1080, 720, 480, 360}, []int{360}},
		{"mirrored", with(func(s *Source) { s.Mirrored = true }), 0, false, []int{1080, 720, 480, 360}, []int{360}},
		{"small copy", with(func(s *Source) { s.Width, s.Height, s.CodedWidth, s.CodedHeight = 320, 240, 320, 240 }), 0, true, []int{240}, []int{240}},
		{"audio", Source{HasAudio: true, Audio: []AudioTrack{{Codec: "aac"}, {}}, Duration: time.Minute}, 0, false, nil, []int{0}},
	}
	for _, test := range tests {
		p := New(Config{Threads: 2}).Plan(test.src, test.max)
		var heights []int
		for _, r := range p.Rungs {
			heights = append(heights, r.Height)
			if min(r.Width, r.PixHeight) != r.Height || r.Width%2 != 0 || r.PixHeight%2 != 0 {
				t.Errorf("%s: rung %+v", test.name, r)
			}
		}
		if p.Copy != test.copy || !slices.Equal(heights, test.heights) || !slices.Equal(p.First, test.first) {
			t.Errorf("%s: copy %v, rungs %v, first %v", test.name, p.Copy, heights, p.First)
		}
		if p.Seconds <= 0 || p.Bytes <= 0 {
			t.Errorf("%s: estimates %v s, %d bytes", test.name, p.Seconds, p.Bytes)
		}
	}
}

func TestOutputFPS(t *testing.T) {
	tests := []struct {
		in   float64
		vfr  bool
		want float64
	}{
		{30, false, 30}, {29.97002997, false, 30000.0 / 1001}, {23.976, false, 24000.0 / 1001}, {25, false, 25},
		{60, false, 60}, {120, false, 60}, {119.88, false, 60000.0 / 1001}, {100, false, 50}, {240, false, 60}, {1000, false, 60},
		{29.6, true, 30000.0 / 1001}, {0, false, 30}, {10, false, 10}, {12.5, false, 12.5}, {7.3, true, 24},
	}
	for _, test := range tests {
		if got := outputFPS(test.in, test.vfr); got != test.want {
			t.Errorf("outputFPS(%v, %v) = %v, want %v", test.in, test.vfr, got, test.want)
		}
	}
}

func TestGroups(t *testing.T) {
	src := Source{CodedWidth: 3840, CodedHeight: 2160}
	rungs := []Rung{{Height: 1080, Width: 1920, PixHeight: 1080}, {Height: 360, Width: 640, PixHeight: 360}}
	tests := []struct {
		memory          int64
		groups, threads int
	}{{0, 1, 4}, {8 << 30, 1, 4}, {1 << 30, 2, 1}, {16 << 30, 1, 4}}
	for _, test := range tests {
		groups, threads := group(src, rungs, test.memory, 4)
		if len(groups) != test.groups || threads != test.threads {
			t.Errorf("group with %d bytes: %d groups, %d threads", test.memory, len(groups), threads)
		}
	}
}
