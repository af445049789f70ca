package media

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// encoder is one way to make H.264.
type encoder struct {
	name   string
	global []string // options that open the device
	filter string   // what its pictures must go through last
	device string   // a file that exists where it can work at all, a glob pattern
	goos   string
	rate   func(Rung) []string // options that steer quality
}

const software = "libx264"

// encoders are tried in this order when the setting is "auto".
var encoders = []encoder{
	{name: "h264_nvenc", device: "/dev/nvidia[0-9]*", filter: "format=yuv420p", rate: func(r Rung) []string {
		return []string{"-preset", "p4", "-rc", "vbr", "-cq", "27", "-b:v", "0", "-no-scenecut", "1", "-forced-idr", "1", "-bf", "2"}
	}},
	{name: "h264_qsv", device: "/dev/dri/renderD*", filter: "format=nv12", global: []string{"-init_hw_device", "qsv=hw"},
		rate: func(r Rung) []string {
			return []string{"-b:v", strconv.Itoa(r.MaxRate * 7 / 10), "-look_ahead", "0", "-idr_interval", "0", "-forced_idr", "1"}
		}},
	{name: "h264_vaapi", device: "/dev/dri/renderD*", filter: "format=nv12,hwupload",
		global: []string{"-init_hw_device", "vaapi=hw:/dev/dri/renderD128", "-filter_hw_device", "hw"},
		rate: func(r Rung) []string {
			return []string{"-rc_mode", "VBR", "-b:v", strconv.Itoa(r.MaxRate * 7 / 10), "-idr_interval", "0"}
		}},
	{name: "h264_videotoolbox", goos: "darwin", filter: "format=nv12", rate: func(r Rung) []string {
		return []string{"-b:v", strconv.Itoa(r.MaxRate * 7 / 10), "-allow_sw", "0"}
	}},
	{name: "h264_v4l2m2m", device: "/dev/video1[0-9]", filter: "format=yuv420p", rate: func(r Rung) []string {
		// The Raspberry Pi's driver fails above 20 Mbit/s and wants its buffers counted.
		return []string{"-b:v", strconv.Itoa(min(r.MaxRate*7/10, 18_000_000)), "-num_capture_buffers", "16", "-bf", "0"}
	}},
}

// x264 is the encoder that is always there. Measured against PeerTube's veryfast with 16
// B-frames: fewer bytes at a higher SSIM for less processor time and memory.
func x264() encoder {
	return encoder{name: software, filter: "format=yuv420p", rate: func(r Rung) []string {
		return []string{"-preset", "faster", "-crf", strconv.FormatFloat(r.CRF, 'f', -1, 64), "-sc_threshold", "0"}
	}}
}

// args are the output options of one rung. Keyframes come every gop frames and at no other
// place, so that all rungs cut at the same moments.
func (e encoder) args(r Rung, rate rational, threads int) []string {
	gop := strconv.Itoa(rate.gop())
	args := []string{"-c:v", e.name, "-threads", strconv.Itoa(threads)}
	args = append(args, e.rate(r)...)
	return append(args, "-maxrate", strconv.Itoa(r.MaxRate), "-bufsize", strconv.Itoa(2*r.MaxRate),
		"-profile:v", "high", "-g", gop, "-keyint_min", gop,
		"-video_track_timescale", strconv.Itoa(rate.timescale()))
}

// plausible says whether the machine has what the encoder needs, before it is tried.
func (e encoder) plausible() bool {
	if e.goos != "" && e.goos != runtime.GOOS {
		return false
	}
	if e.device == "" {
		return true
	}
	found, err := filepath.Glob(e.device)
	return err == nil && len(found) > 0
}

// encoder returns the encoder to use: what the setting asks for when it passes a test
// encode on this machine, else libx264. What was learnt is kept as long as the program
// runs and ffmpeg stays the same.
func (m *Maker) encoder(ctx context.Context) encoder {
	setting := m.config().Encoder
	if setting == software {
		return x264()
	}
	path, err := m.tool(ffmpeg)
	if err != nil {
		return x264()
	}
	info, err := os.Stat(path)
	if err != nil {
		return x264()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key := setting + " " + path + info.ModTime().String()
	name, known := m.encoders[key]
	if !known {
		name = m.choose(ctx, setting)
		if ctx.Err() == nil {
			m.encoders[key] = name
		}
	}
	for _, e := range encoders {
		if e.name == name {
			return e
		}
	}
	return x264()
}

// choose tries encoders. One that was asked for by name needs only to work; one that
// nobody asked for must also be clearly faster than software, since it makes larger files.
func (m *Maker) choose(ctx context.Context, setting string) string {
	auto := setting == "" || setting == "auto"
	for _, e := range encoders {
		if auto && !e.plausible() || !auto && e.name != setting {
			continue
		}
		err := m.tryEncoder(ctx, e, auto)
		if err == nil {
			m.log.Info("hardware encoder chosen", "encoder", e.name)
			return e.name
		}
		m.log.Info("hardware encoder not used", "encoder", e.name, "reason", err)
	}
	return software
}

// The test encode: three seconds, so that the second keyframe must come at 2 s.
var trial = Rung{Height: 360, Width: 640, PixHeight: 360, FPS: 30, MaxRate: 2_000_000, CRF: 24}

const trialSource = "testsrc2=size=640x360:rate=30:duration=3"

// tryEncoder encodes a test picture exactly as Encode would, and looks at what came out:
// parameter sets, number of frames, keyframes in their places, likeness to the source.
func (m *Maker) tryEncoder(ctx context.Context, e encoder, faster bool) error {
	dir, err := os.MkdirTemp("", "tubelet-encoder-*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	took, err := m.trialRun(ctx, e, dir)
	if err != nil {
		return err
	}
	file, err := scan(filepath.Join(dir, "trial.mp4"))
	if err != nil {
		return err
	}
	if len(file.Tracks) != 1 || len(file.Tracks[0].Codec) != len("avc1.640028") {
		return errors.New("parameter sets are missing")
	}
	if len(file.Fragments) != 2 || file.Fragments[1].Start != 2*time.Second || file.Duration != 3*time.Second {
		return errors.New("frames or keyframes are not where they should be")
	}
	likeness, err := m.likeness(ctx, dir)
	if err != nil {
		return err
	}
	if likeness < 0.9 {
		return fmt.Errorf("the picture is wrong: likeness %.2f", likeness)
	}
	if !faster {
		return nil
	}
	soft, err := m.trialRun(ctx, x264(), dir)
	if err == nil && took*3 > soft*2 {
		err = fmt.Errorf("too slow: %.1f s against %.1f s in software", took.Seconds(), soft.Seconds())
	}
	return err
}

// trialRun encodes the test picture with e to trial.mp4 and returns how long it took.
func (m *Maker) trialRun(ctx context.Context, e encoder, dir string) (time.Duration, error) {
	args := []string{"-f", "lavfi", "-i", trialSource, "-vf", e.filter}
	args = append(args, e.args(trial, exact(trial.FPS), m.threads())...)
	began := time.Now()
	err := m.run(ctx, job{tool: ffmpeg, dir: dir, global: e.global, hardware: e.name != software,
		args: append(args, "-movflags", fragments, "-f", "mp4", "file:trial.mp4")})
	return time.Since(began), err
}

// compare puts frames side by side by their number: by their times, two clocks that round
// differently would pair neighbours.
const compare = "[0:v]settb=1/30,setpts=N[a];[1:v]settb=1/30,setpts=N[b];[a][b]ssim=stats_file=-"

// likeness is the mean SSIM of trial.mp4 against its source.
func (m *Maker) likeness(ctx context.Context, dir string) (float64, error) {
	out := &boundedWriter{limit: 1 << 20}
	err := m.run(ctx, job{tool: ffmpeg, input: filepath.Join(dir, "trial.mp4"), stdout: out,
		args: []string{"-f", "lavfi", "-i", trialSource, "-lavfi", compare, "-f", "null", "/dev/null"}})
	if err != nil {
		return 0, err
	}
	var sum float64
	var frames int
	for text := range strings.Lines(out.String()) {
		if _, after, ok := strings.Cut(text, "All:"); ok {
			value, _, _ := strings.Cut(after, " ")
			f, _ := strconv.ParseFloat(value, 64)
			sum += f
			frames++
		}
	}
	if frames == 0 {
		return 0, errors.New("no pictures to compare")
	}
	return sum / float64(frames), nil
}
