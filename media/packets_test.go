package media

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestPackets reads the list of a file as a slow disk, a bound and a killed ffprobe give it.
func TestPackets(t *testing.T) {
	line := "stream_index=0|pts_time=%d|dts_time=%d|duration_time=1|flags=K_\n"
	list := "for i in {0..9}; do printf '" + line + "' $i $i; done"
	tests := []struct {
		name, body string
		most       int
		want       packets
		fails      bool
	}{
		{"whole", list, 100, packets{complete: true, end: 10 * time.Second, frames: 10}, false},
		{"slowly", "for i in {0..9}; do printf '" + line + "' $i $i; sleep 0.3; done", 100, packets{complete: true, end: 10 * time.Second, frames: 10}, false},
		{"cut short", list + "; exit 1", 100, packets{complete: true, end: 10 * time.Second, frames: 10}, false},
		{"too many", list, 4, packets{end: 4 * time.Second, frames: 4}, false},
		{"endless", "yes 'stream_index=0|pts_time=1|dts_time=1|duration_time=1|flags=K_'", 1000, packets{end: time.Second, frames: 1000}, false},
		{"killed", list + "; kill -KILL $$", 100, packets{}, true},
		{"hanging", list + "; sleep 60", 100, packets{}, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			path := script(t, test.body)
			m := New(Config{FFmpeg: path, FFprobe: path})
			m.stall, m.scans = 2*time.Second, test.most
			got, err := m.packets(t.Context(), Source{Path: path, HasVideo: true})
			if (err != nil) != test.fails || got.complete != test.want.complete || got.frames != test.want.frames ||
				got.end != test.want.end {
				t.Errorf("packets = %+v, %v", got, err)
			}
		})
	}
}

// TestProbeHangs has an ffprobe that never answers.
func TestProbeHangs(t *testing.T) {
	path := script(t, "sleep 60")
	m := New(Config{FFmpeg: path, FFprobe: path})
	m.stall = time.Second
	_, err := m.Probe(t.Context(), path)
	if refused, ok := errors.AsType[*RefusedError](err); !ok || !strings.Contains(refused.Reason, "too long") {
		t.Errorf("Probe = %v, want a refusal", err)
	}
}
