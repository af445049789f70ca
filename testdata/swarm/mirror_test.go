//go:build bench

package swarm

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestFigureSwarmMirror lets one viewer at a time watch while a mirror with an uplink of
// 20 Mbit/s is up and the home's line is open. Asked: at least 85 % of the bytes from the
// mirror.
func TestFigureSwarmMirror(t *testing.T) {
	const asked = 0.85
	r := newRig(t)
	c := cell{viewers: 1}
	r.set(ours, 0)
	serve := r.serve()
	defer r.stop(serve)
	defer r.stop(r.mirror())
	r.net.shape(viewerSpace(0), 20e6)
	r.net.shape(mirrorSpace, 20e6)
	var shares []float64
	for repeat := range number(t, "SWARM_REPEATS", 5) {
		result := run{Cell: "1-mirror", Way: ours, Repeat: repeat, At: time.Now().UTC(), Size: r.size, Uplinks: []int64{20e6}}
		before := cpu(t, serve.Process.Pid)
		r.watch(c, ours, &result)
		result.CPU, result.Load = cpu(t, serve.Process.Pid)-before, load(t)
		line, err := json.Marshal(result)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.out.Write(append(line, '\n')); err != nil {
			t.Fatal(err)
		}
		v := result.Viewers[0]
		share := float64(v.In) / float64(max(v.In+v.HTTP, 1))
		shares = append(shares, share)
		t.Logf("%.1f %% from the mirror, %.3f X from the home; %s", 100*share, float64(v.HTTP)/float64(r.size), describe(result))
		if !v.Ended {
			t.Errorf("the viewer did not come to the end")
		}
	}
	if share := median(shares); share < asked {
		t.Errorf("%.1f %% of the bytes came from the mirror, asked %.0f %%", 100*share, 100*asked)
	}
}

// mirrorSpace is the namespace of the mirror.
const mirrorSpace = "v6" // after those of the viewers

// mirror follows the channel on another machine, and returns when it has fetched the clip.
func (r *rig) mirror() *exec.Cmd {
	r.t.Helper()
	data := filepath.Join(r.dir, "friend")
	address := "http://" + net.JoinHostPort(home, port)
	inside := []string{"netns", "exec", named(mirrorSpace), r.bin, "mirror"}
	execute(r.t, "ip", append(inside, "add", address, "--data", data, "--size", "1G", "--name", "attic")...)
	cmd := exec.Command("ip", append(inside, "run", "--data", data, "--port", "18510")...)
	logs, err := os.Create(filepath.Join(r.dir, "mirror.log"))
	if err != nil {
		r.t.Fatal(err)
	}
	defer logs.Close()
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	size := strconv.FormatInt(r.size, 10)
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(500 * time.Millisecond) {
		files, _ := filepath.Glob(filepath.Join(data, "mirror", "files", "*.mp4"))
		if len(files) == 1 && strings.TrimSpace(execute(r.t, "stat", "-c", "%s", files[0])) == size {
			return cmd
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			text, _ := os.ReadFile(filepath.Join(r.dir, "mirror.log"))
			r.t.Fatalf("the mirror did not fetch the clip:\n%s", text)
		}
	}
}
