//go:build bench

// Package swarm compares three ways to deliver one film to a few viewers at once: plain
// HTTP, p2p-media-loader, and our own sharing. Each viewer is a fresh Chromium in a
// network namespace of its own, so that its uplink and the home's are limited as real
// lines are. `make bench-swarm` runs it; it takes root, and a day for every cell.
//
//	SWARM_CELLS=6-together-capped-good,6-5s-capped-mixed SWARM_WAYS=ours SWARM_REPEATS=3 make bench-swarm
package swarm

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	length   = 184 * time.Second // of the clip
	patience = 60                // seconds that the last viewer gets beyond the clip's length
)

// cell is one situation.
type cell struct {
	viewers int
	gap     float64 // seconds between arrivals
	capped  bool    // the home's uplink carries half of what the viewers need
	mixed   bool    // viewers' uplinks from none to 20 Mbit/s; else 20 Mbit/s each
}

func cells() (all []cell) {
	for _, n := range []int{6, 4, 2} {
		for _, capped := range []bool{true, false} {
			for _, mixed := range []bool{false, true} {
				for _, gap := range []float64{0, 5} {
					all = append(all, cell{n, gap, capped, mixed})
				}
			}
		}
	}
	return all
}

func (c cell) name() string {
	pick := func(yes bool, a, b string) string {
		if yes {
			return a
		}
		return b
	}
	return strings.Join([]string{strconv.Itoa(c.viewers), pick(c.gap > 0, "5s", "together"), pick(c.capped, "capped", "open"), pick(c.mixed, "mixed", "good")}, "-")
}

// uplinks returns each viewer's uplink in bit/s. Mixed is the same set of lines in each
// repeat, in an order that changes with the repeat and is the same for every way. "None"
// is 256 kbit/s: less than a third of the film, enough to ask for it.
func (c cell) uplinks(repeat int) []int64 {
	const none, good = 256e3, 20e6
	lines := slices.Repeat([]int64{good}, c.viewers)
	if c.mixed {
		switch c.viewers {
		case 2:
			lines = []int64{2e6, 10e6}
		case 4:
			lines = []int64{none, 1e6, 5e6, 20e6}
		default:
			lines = []int64{none, 1e6, 2e6, 5e6, 10e6, 20e6}
		}
	}
	shuffled := make([]int64, len(lines))
	for i := range lines {
		shuffled[(i*5+repeat)%len(lines)] = lines[i] // 5 has no factor in common with 2, 4, 6
	}
	return shuffled
}

// TestFigureSwarm measures every cell with every way, interleaved, and prints a table of
// medians. It fails where a figure that was asked for is missed.
func TestFigureSwarm(t *testing.T) {
	repeats := number(t, "SWARM_REPEATS", 5)
	ways := chosen("SWARM_WAYS", []string{plain, opponent, ours})
	wanted := chosen("SWARM_CELLS", nil)
	r := newRig(t)
	t.Logf("clip of %.0f s, %d bytes, %.0f kbit/s; results in %s", r.seconds, r.size, float64(r.size)*8/r.seconds/1000, r.out.Name())
	for _, c := range cells() {
		if len(wanted) > 0 && !slices.Contains(wanted, c.name()) {
			continue
		}
		runs := map[string][]run{}
		for repeat := range repeats {
			for i := range ways { // the order changes, so that no way is always the first
				way := ways[(i+repeat)%len(ways)]
				result := r.measure(c, way, repeat)
				fmt.Fprintln(os.Stderr, describe(result))
				runs[way] = append(runs[way], result)
			}
		}
		report(t, c, ways, runs)
	}
}

func number(t *testing.T, key string, otherwise int) int {
	t.Helper()
	text := os.Getenv(key)
	if text == "" {
		return otherwise
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: not a number above 0", key, text)
	}
	return n
}

func chosen(key string, otherwise []string) []string {
	if text := os.Getenv(key); text != "" {
		return strings.Split(text, ",")
	}
	return otherwise
}

// newRig builds everything, lays out the network, and publishes the clip.
func newRig(t *testing.T) *rig {
	t.Helper()
	if os.Getuid() != 0 {
		t.Fatal("network namespaces take root")
	}
	dir := t.TempDir()
	r := &rig{t: t, dir: dir, bin: os.Getenv("SWARM_TUBELET"), data: filepath.Join(dir, "data")}
	if r.bin == "" {
		r.bin = filepath.Join(dir, "tubelet")
		execute(t, "go", "build", "-trimpath", "-o", r.bin, "../..")
	}
	execute(t, "node_modules/.bin/esbuild", "opponent.mjs", "--bundle", "--conditions=p2pml:core-as-bundle", "--minify",
		"--format=esm", "--log-level=error", "--outfile=build/opponent.js") // with its core as it is published
	execute(t, "cp", "opponent.html", "build/")
	execute(t, "gzip", "-9", "-k", "-f", "build/opponent.html", "build/opponent.js")
	if err := os.MkdirAll("results", 0o700); err != nil {
		t.Fatal(err)
	}
	var err error
	r.out, err = os.OpenFile(filepath.Join("results", time.Now().UTC().Format("0102-1504")+".jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.out.Close() })
	r.publish(t)
	r.net = newNetwork(t)
	serveOpponent(t)
	return r
}

// publish makes a channel with the clip on it.
func (r *rig) publish(t *testing.T) {
	t.Helper()
	const path = "build/clip.mp4" // kept, so that every run of a day has the same
	if _, err := os.Stat(path); err != nil {
		render(t, path+".part")
		if err := os.Rename(path+".part", path); err != nil {
			t.Fatal(err)
		}
	}
	execute(t, r.bin, "init", "--data", r.data, "--local", "--domain", home+":"+port, "--name", "Figures", "--handle", "figures")
	execute(t, r.bin, "publish", path, "--data", r.data, "--title", "A walk through fractals", "--json")
	var video struct {
		ID         string
		Duration   float64
		Renditions []struct{ Path string }
	}
	var list []json.RawMessage
	text := execute(t, r.bin, "ls", "--json", "--data", r.data)
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		t.Fatalf("ls printed %s: %v", text, err)
	}
	if err := json.Unmarshal(list[0], &video); err != nil || video.ID == "" {
		t.Fatalf("ls printed %s: %v", text, err)
	}
	r.id, r.file, r.seconds = video.ID, "/media/"+video.ID+"/1/", length.Seconds()
	files, err := filepath.Glob(filepath.Join(r.data, "videos", r.id, "1", "*p.mp4"))
	if err != nil || len(files) != 1 {
		t.Fatalf("renditions: %v, %v", files, err)
	}
	info, err := os.Stat(files[0])
	if err != nil {
		t.Fatal(err)
	}
	r.size = info.Size()
}

// render makes the clip: scenes of eight seconds, fractals from several places, cells,
// gradients and test pictures with a camera's noise, small enough for six players on
// two processors.
func render(t *testing.T, path string) {
	t.Helper()
	const scene = 8
	var graph, names strings.Builder
	count := int(length.Seconds()) / scene
	for i := range count {
		fmt.Fprintf(&graph, "%s,trim=duration=%d,setpts=PTS-STARTPTS,scale=426:240,fps=24,format=yuv420p,setsar=1[v%d];", picture(i), scene, i)
		fmt.Fprintf(&names, "[v%d]", i)
	}
	fmt.Fprintf(&graph, "%sconcat=n=%d[v]", names.String(), count)
	execute(t, "ffmpeg", "-v", "error", "-nostdin", "-y", "-filter_complex", graph.String(),
		"-f", "lavfi", "-i", fmt.Sprintf("aevalsrc='0.2*sin(2*PI*(220+60*sin(t/3))*t)*gt(mod(t,3.1),0.4)':s=48000:d=%.0f", length.Seconds()),
		"-map", "[v]", "-map", "0:a", "-c:v", "libx264", "-preset", "veryfast", "-b:v", "760k", "-maxrate", "1100k", "-bufsize", "2200k",
		"-g", "48", "-keyint_min", "48", "-sc_threshold", "0", "-c:a", "aac", "-b:a", "64k", "-ac", "2", "-f", "mp4", path)
}

func picture(i int) string {
	switch i % 4 {
	case 0:
		return fmt.Sprintf("mandelbrot=s=426x240:r=24:maxiter=200:start_scale=%.3f:end_scale=0.01,noise=alls=6:allf=t:all_seed=%d", 0.5/float64(i+1), i)
	case 1:
		return fmt.Sprintf("testsrc2=s=426x240:r=24,hue=h=%d,noise=alls=4:allf=t:all_seed=%d", 40*i, i)
	case 2:
		return fmt.Sprintf("gradients=s=426x240:r=24:speed=0.03:nb_colors=5:seed=%d,noise=alls=10:allf=t:all_seed=%d", i, i)
	default:
		return fmt.Sprintf("life=s=142x80:r=12:mold=20:ratio=0.2:seed=%d:death_color=#803020:life_color=#f0e0a0", i)
	}
}

func execute(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).Output()
	if err != nil {
		stderr := ""
		if exit, ok := err.(*exec.ExitError); ok {
			stderr = string(exit.Stderr)
		}
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, stderr)
	}
	return string(out)
}
