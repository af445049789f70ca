package tracker_test

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/tubelet/tubelet/seed/metainfo"
)

// TestJavaScriptPeers: clients of the library that webtorrent.js and p2p-media-loader use
// find each other through our tracker and talk over WebRTC.
func TestJavaScriptPeers(t *testing.T) {
	type result struct{ Met, Warnings []string }
	meet := func(t *testing.T, h metainfo.Hash, peers string) result {
		t.Helper()
		r := start(t, nil)
		ctx, end := context.WithTimeout(t.Context(), 90*time.Second)
		defer end()
		cmd := exec.CommandContext(ctx, "node", "meet.js", "ws"+strings.TrimPrefix(r.url, "http")+"/tracker/socket", h.String(), peers)
		cmd.Dir = "../../testdata/peers"
		var faults bytes.Buffer
		cmd.Stderr = &faults
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf(`%v: %s%s ("make test" installs what it needs)`, err, out, faults.Bytes())
		}
		var got result
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v in %s", err, out)
		}
		return got
	}
	t.Run("three of a video", func(t *testing.T) {
		if got := meet(t, video, "3"); len(got.Met) != 3 {
			t.Errorf("met %v, warned %v", got.Met, got.Warnings)
		}
	})
	t.Run("two of a swarm of p2p-media-loader", func(t *testing.T) {
		if got := meet(t, loader, "2"); len(got.Met) != 1 {
			t.Errorf("met %v, warned %v", got.Met, got.Warnings)
		}
	})
	t.Run("none of an unknown infohash", func(t *testing.T) {
		if got := meet(t, unknown, "1"); len(got.Warnings) != 1 || got.Warnings[0] != "unknown infohash" {
			t.Errorf("met %v, warned %v", got.Met, got.Warnings)
		}
	})
}
