//go:build bench

package swarm

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// newcomer is one start of a viewer.
type newcomer struct {
	MS      float64 `json:"ms"`      // from navigation to the first frame
	Pressed float64 `json:"pressed"` // the same to the press of play
	Pairs   int     `json:"pairs"`   // WebRTC connections made, four seconds after the frame
	Shared  int64   `json:"shared"`  // bytes that came over them
	Stalls  int     `json:"stalls"`
}

// TestFigureSwarmStart measures the time to the first frame with and without sharing,
// while another viewer watches, on a home line of 8 Mbit/s. Asked: a ratio of at most 1.05.
func TestFigureSwarmStart(t *testing.T) {
	const line = 8e6
	r := newRig(t)
	r.config("p2p", "on")
	r.config("upload.rate", "none")
	serve := r.serve()
	defer r.stop(serve)
	r.net.shape(origin, line)
	base := "http://" + net.JoinHostPort(home, port)
	plan := map[string]any{
		"chromium": []string{r.browser(0), r.browser(1)}, "page": base + "/w/" + r.id, "base": base,
		"rounds": number(t, "SWARM_ROUNDS", 11), "seconds": r.seconds,
	}
	text, err := json.Marshal(plan)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(r.dir, "first.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "first.mjs", path)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("first.mjs: %v", err)
	}
	var result struct{ On, Off []newcomer }
	if err := json.Unmarshal(lastLine(out), &result); err != nil {
		t.Fatalf("first.mjs printed %.300q: %v", out, err)
	}
	var on, off, ratios []float64
	for i := range result.On {
		on, off = append(on, result.On[i].MS), append(off, result.Off[i].MS)
		ratios = append(ratios, on[i]/off[i])
		if result.Off[i].Pairs > 0 {
			t.Errorf("round %d: %d connections although the viewer switched sharing off", i, result.Off[i].Pairs)
		}
		if result.On[i].Shared == 0 {
			t.Logf("round %d: nothing was shared within four seconds of the first frame", i)
		}
	}
	ratio := median(on) / median(off)
	t.Logf("first frame with sharing %.0f ms, without %.0f ms, medians of %d interleaved; ratio %.3f, paired %.3f (asked: at most 1.05); load %s",
		median(on), median(off), len(on), ratio, median(ratios), load(t))
	if ratio > 1.05 {
		t.Errorf("ratio %.3f", ratio)
	}
}
