//go:build bench

package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestFigurePublish measures a stream-copy publish of a ten-minute 1080p file, from the
// command to the first byte of a playable rendition over HTTP, against the bare ffmpeg
// command that makes the same layout. Asked: a ratio of at most 1.5.
func TestFigurePublish(t *testing.T) {
	dir := t.TempDir()
	source := longClip(t, dir)
	bin := filepath.Join(dir, "tubelet")
	execute(t, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".")

	var ours, bare, ratios []float64
	for round := range 5 {
		b := timed(func() { copyByHand(t, source, filepath.Join(dir, "bare.mp4")) })
		os.Remove(filepath.Join(dir, "bare.mp4"))
		o := publishOnce(t, bin, source, filepath.Join(dir, fmt.Sprint("data", round)))
		ours, bare, ratios = append(ours, o), append(bare, b), append(ratios, o/b)
	}
	info, err := os.Stat(source)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("publish of %d MB, 600 s of 1080p H.264 and AAC, to the first byte served: %.2f s", info.Size()/1e6, median(ours))
	t.Logf("ffmpeg -c copy to the same layout: %.2f s", median(bare))
	t.Logf("ratio, median of %d interleaved rounds: %.2f (asked: at most 1.5)", len(ratios), median(ratios))
}

// longClip makes twenty seconds of varied picture and repeats them to ten minutes.
func longClip(t *testing.T, dir string) string {
	t.Helper()
	short, long := filepath.Join(dir, "short.mp4"), filepath.Join(dir, "long.mp4")
	execute(t, "ffmpeg", "-v", "error", "-nostdin", "-f", "lavfi", "-i", "testsrc2=s=1920x1080:r=30,noise=alls=12:allf=t",
		"-f", "lavfi", "-i", "sine=frequency=330:sample_rate=48000", "-t", "20",
		"-c:v", "libx264", "-preset", "ultrafast", "-b:v", "10.5M", "-maxrate", "10.5M", "-bufsize", "21M", "-g", "60",
		"-pix_fmt", "yuv420p", "-c:a", "aac", "-ac", "2", "-movflags", "+faststart", short)
	execute(t, "ffmpeg", "-v", "error", "-nostdin", "-stream_loop", "29", "-i", short, "-c", "copy", "-movflags", "+faststart", long)
	os.Remove(short)
	return long
}

func copyByHand(t *testing.T, source, target string) {
	t.Helper()
	execute(t, "ffmpeg", "-v", "error", "-nostdin", "-y", "-i", source, "-map", "0:v:0", "-map", "0:a:0", "-c", "copy",
		"-map_metadata", "-1", "-map_chapters", "-1", "-movflags", "+cmaf+frag_keyframe+global_sidx+skip_trailer", target)
}

// publishOnce publishes source on a fresh running channel and returns the seconds until
// the first byte of its top rendition has come over HTTP.
func publishOnce(t *testing.T, bin, source, data string) float64 {
	t.Helper()
	const listen = "127.0.0.1:18160"
	execute(t, bin, "init", "--data", data, "--local", "--domain", listen, "--name", "Figures", "--handle", "figures")
	serve := exec.Command(bin, "serve", "--data", data, "--local", "--listen", listen)
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
		os.RemoveAll(data)
	}()
	until(t, func() bool { return fetch("http://"+listen+"/") == nil })
	return timed(func() {
		out, err := exec.Command(bin, "publish", source, "--data", data, "--no-wait", "--json").Output()
		if err != nil {
			t.Fatalf("publish: %v", err)
		}
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		var last struct {
			ID    string `json:"id"`
			Video struct {
				Renditions []struct {
					Path string `json:"path"`
				} `json:"renditions"`
			} `json:"video"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil || len(last.Video.Renditions) == 0 {
			t.Fatalf("publish printed %s: %v", out, err)
		}
		address := "http://" + listen + "/media/" + last.ID + "/1/" + filepath.Base(last.Video.Renditions[0].Path)
		until(t, func() bool { return fetch(address) == nil })
	})
}

// fetch asks for the first byte at address.
func fetch(address string) error {
	request, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	request.Header.Set("Range", "bytes=0-0")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 {
		return fmt.Errorf("status %s", response.Status)
	}
	_, err = io.CopyN(io.Discard, response.Body, 1)
	return err
}

func execute(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

func until(t *testing.T, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("waited in vain")
		}
	}
}

func timed(do func()) float64 {
	start := time.Now()
	do()
	return time.Since(start).Seconds()
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// TestFigureLighthouse publishes the demo clip and audits the channel and its watch page.
// Asked: accessibility, best practices and SEO at 100.
func TestFigureLighthouse(t *testing.T) {
	const listen = "127.0.0.1:18161"
	dir := t.TempDir()
	bin, data := filepath.Join(dir, "tubelet"), filepath.Join(dir, "data")
	execute(t, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", bin, ".")
	execute(t, "testdata/demo/clip", dir)
	execute(t, "npm", "ci", "--silent", "--no-audit", "--no-fund", "--prefix", "testdata/lighthouse")
	execute(t, bin, "init", "--data", data, "--local", "--domain", listen, "--name", "Figures", "--handle", "figures")
	serve := exec.Command(bin, "serve", "--data", data, "--local", "--listen", listen)
	if err := serve.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = serve.Process.Signal(os.Interrupt)
		_ = serve.Wait()
	}()
	until(t, func() bool { return fetch("http://"+listen+"/") == nil })
	execute(t, bin, "publish", filepath.Join(dir, "clip.mp4"), "--data", data, "--description", "Test pictures and a voice.",
		"--caption", "en="+filepath.Join(dir, "clip.srt"), "--json")
	ids, err := os.ReadDir(filepath.Join(data, "videos"))
	if err != nil || len(ids) != 1 {
		t.Fatalf("videos: %v, %v", ids, err)
	}
	out, err := exec.Command("node", "testdata/lighthouse/audit.mjs",
		"http://"+listen+"/", "http://"+listen+"/w/"+ids[0].Name()).CombinedOutput()
	if err != nil {
		t.Fatalf("lighthouse: %v\n%s", err, out)
	}
	t.Logf("Lighthouse (asked: 100 in each)\n%s", out)
}
