//go:build bench

package browsertest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"testing"
)

// page is one row of what startup.mjs measures.
type page struct {
	Name     string
	Runs     int
	Median   int64 // milliseconds from navigation to the first frame
	Ratio    float64
	Requests int
	KB       int64
}

// TestFigureFirstFrame measures navigation to first frame, cold, on a line of 8 Mbit/s
// with 50 ms, against a bare <video> on the same server. Asked: at most 1.15.
func TestFigureFirstFrame(t *testing.T) {
	need(t, "ffmpeg", "node", "chromium")
	c := serve(t, 10)
	cmd := exec.CommandContext(t.Context(), "node", "startup.mjs", c.base, c.id, "15")
	cmd.Dir, cmd.Stderr = scripts, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("startup.mjs: %v", err)
	}
	var last []byte
	for lines := bufio.NewScanner(bytes.NewReader(out)); lines.Scan(); {
		last = bytes.Clone(lines.Bytes())
	}
	var pages []page
	if err := json.Unmarshal(last, &pages); err != nil {
		t.Fatalf("startup.mjs printed %q: %v", last, err)
	}
	for _, p := range pages {
		t.Logf("%-32s %5d ms, %.2f of the bare video, %d requests, %d kB, %d runs", p.Name, p.Median, p.Ratio, p.Requests, p.KB, p.Runs)
		if p.Name == "embed page, autoplay" && p.Ratio > 1.15 {
			t.Errorf("first frame after %.2f of the bare video's time, asked 1.15", p.Ratio)
		}
	}
}
