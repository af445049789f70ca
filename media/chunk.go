package media

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// chunkGOPs is the length of a chunk in GOPs of two seconds: a crash loses one minute of
// work, and the joints cost less than one per cent.
const chunkGOPs = 30

// grid cuts a source into chunks of whole GOPs at a constant frame rate.
type grid struct {
	rate   rational
	frames int64 // of the whole, as far as the probe can tell
	chunk  int64 // frames in every chunk but the last
	count  int64 // chunks
}

func newGrid(length time.Duration, fps float64, gops int) grid {
	g := grid{rate: exact(fps)}
	g.frames = max(1, int64(math.Round(length.Seconds()*g.rate.float())))
	g.chunk = int64(gops * g.rate.gop())
	g.count = max(1, (g.frames+g.chunk/2)/g.chunk)
	return g
}

// expect is the number of frames in chunk k.
func (g grid) expect(k int64) int64 {
	if k == g.count-1 {
		return g.frames - k*g.chunk
	}
	return g.chunk
}

// seconds is the time of frame n.
func (g grid) seconds(n int64) float64 { return float64(n) / g.rate.float() }

// slack is how many frames before the end the last picture of src may come: containers
// round their length, and it may stand for a while.
func (g grid) slack(src Source) int64 {
	return int64(math.Ceil((1 + src.FrameGap.Seconds()) * g.rate.float()))
}

// recipe is how a group of rungs is made from one decode of the source.
type recipe struct {
	src     Source
	rungs   []Rung // highest first; each is scaled from the one before
	grid    grid
	enc     encoder
	threads int
	flat    bool // HDR stays untouched: there is no tone mapping
}

// ways are the recipe and what to fall back to, in this order: libx264 for a hardware
// encoder that fails, no tone mapping where zscale fails or is missing from ffmpeg.
func (rc recipe) ways() []recipe {
	list := []recipe{rc}
	if rc.enc.name != software {
		rc.enc = x264()
		list = append(list, rc)
	}
	if rc.src.HDR {
		rc.flat = true
		list = append(list, rc)
	}
	return list
}

// fault says whether the next way could fare better than this one, which failed with err.
func (rc recipe) fault(err error) bool {
	if rc.enc.name != software {
		return !diskFull(err) && !errors.Is(err, ErrNoFFmpeg)
	}
	return toneFault(err)
}

// toneFault says whether err is about the tone mapping of HDR.
func toneFault(err error) bool {
	failed, ok := errors.AsType[*runError](err)
	return ok && (strings.Contains(failed.stderr, "zscale") || strings.Contains(failed.stderr, "tonemap"))
}

// file names chunk k of a rung. The name holds a digest of everything that shapes its
// bytes, so that chunks of other settings are never taken for it.
func (rc recipe) file(r Rung, k int64) string {
	return fmt.Sprintf("%s-%04d.mp4", rc.id(r), k)
}

func (rc recipe) id(r Rung) string {
	// The number of threads is left out on purpose: it changes bytes but not the stream's
	// parameters, and a changed setting should not throw hours of work away.
	args := rc.enc.args(r, rc.grid.rate, 0)
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %v %v %d %d", args, rc.filters(0), r, rc.grid, rc.src.Bytes, len(rc.rungs)))
	return strconv.Itoa(r.Height) + "p-" + hex.EncodeToString(sum[:4])
}

// preroll is how long before a chunk decoding starts. It must reach back over the longest
// stretch without a frame, which the fps filter then fills; deinterlacing looks back too.
func (s Source) preroll() float64 {
	if s.FrameGap == 0 && s.VFR {
		return max(2, s.KeyframeGap.Seconds()+1)
	}
	return max(2, s.FrameGap.Seconds()+1)
}

// decode are the input options of chunk k. Together with the filters below they hit exact
// frames, on constant and variable rate and on any container's clock. The obvious ways (-ss
// at the chunk's start) are off by one in most frames while their number looks right. All
// that was decoded since the keyframe is kept: the frame that the chunk begins with may
// have stood for long.
func (rc recipe) decode(k int64) []string {
	args := []string{"-copyts", "-start_at_zero"}
	if k > 0 {
		args = append(args, "-noaccurate_seek")
		if isMP4(rc.src.Format) {
			// Seeking each track by itself, ffmpeg 5.1 leaves out most fragments after the point
			// where a shorter sound track has ended.
			args = append(args, "-seek_streams_individually", "0")
		}
		at := rc.grid.seconds(k*rc.grid.chunk) - rc.src.preroll()
		args = append(args, "-ss", strconv.FormatFloat(max(0, at), 'f', 6, 64))
	}
	return args
}

// filters is the filter graph of chunk k: exact frames, cleaned, then scaled rung by rung
// from the next larger one, which costs less than scaling each from the source.
func (rc recipe) filters(k int64) string {
	var chain []string
	if rc.src.Interlaced {
		chain = append(chain, "bwdif=mode=send_frame:deint=all")
	}
	from := k * rc.grid.chunk
	// The fps filter begins at the chunk's first frame exactly, repeating the picture that
	// comes first where there is none yet.
	chain = append(chain, fmt.Sprintf("fps=%d/%d:start_time=%.6f", rc.grid.rate.num, rc.grid.rate.den, rc.grid.seconds(from)))
	trim := fmt.Sprintf("trim=start_pts=%d", from)
	last := k == rc.grid.count-1
	if last && rc.src.FrameGap > 0 {
		// The last picture stands as long as the file says, and no longer than that.
		chain = append(chain, fmt.Sprintf("tpad=stop_mode=clone:stop=%d", rc.grid.slack(rc.src)))
	}
	if !last || rc.src.FrameGap > 0 {
		trim += fmt.Sprintf(":end_pts=%d", from+rc.grid.expect(k))
	}
	chain = append(chain, trim, "setpts=PTS-STARTPTS")
	var graph strings.Builder
	fmt.Fprintf(&graph, "[0:%d]%s,", rc.src.VideoIndex, strings.Join(chain, ","))
	for i, r := range rc.rungs {
		if i > 0 {
			fmt.Fprintf(&graph, ";[s%d]", i)
		}
		graph.WriteString(rc.scale(r, i == 0))
		if i < len(rc.rungs)-1 {
			fmt.Fprintf(&graph, ",split=2[p%d][s%d];[p%d]%s[o%d]", i, i+1, i, rc.enc.filter, i)
		} else {
			fmt.Fprintf(&graph, ",%s[o%d]", rc.enc.filter, i)
		}
	}
	return graph.String()
}

// scale makes the picture of a rung. HDR is brought to SDR once, after the first scaling,
// since tone mapping works on few pixels for less.
func (rc recipe) scale(r Rung, first bool) string {
	if rc.src.HDR && first && !rc.flat {
		return fmt.Sprintf("%szscale=w=%d:h=%d:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,"+
			"tonemap=mobius:desat=0,zscale=t=bt709:m=bt709:r=tv,format=yuv420p,setsar=1", rc.src.colours(), r.Width, r.PixHeight)
	}
	return fmt.Sprintf("scale=%d:%d:out_range=tv,setsar=1,format=yuv420p", r.Width, r.PixHeight)
}

// colours adds what a file leaves unsaid and zscale will not guess: HDR is BT.2020.
func (s Source) colours() (filters string) {
	if s.Matrix == "" {
		filters += "setparams=colorspace=bt2020nc,"
	}
	if s.Primaries == "" {
		filters += "setparams=color_primaries=bt2020,"
	}
	return filters
}

// args are what follows the input for chunk k, with one output for each rung.
func (rc recipe) args(k int64) []string {
	args := []string{"-filter_complex", rc.filters(k)}
	// The last chunk runs to the source's end, wherever that is, but not for ever.
	most := rc.grid.expect(k)
	if k == rc.grid.count-1 {
		most += rc.grid.chunk
	}
	for i, r := range rc.rungs {
		args = append(args, "-map", fmt.Sprintf("[o%d]", i))
		args = append(args, rc.enc.args(r, rc.grid.rate, rc.threads)...)
		args = append(args, stripped()...)
		args = append(args, "-frames:v", strconv.FormatInt(most, 10),
			"-movflags", fragments, "-f", "mp4", "file:"+rc.file(r, k)+".part")
	}
	return args
}

// limit bounds the size of one chunk: its capped rate, four times over.
func (rc recipe) limit(k int64) int64 {
	seconds := rc.grid.seconds(rc.grid.expect(k) + rc.grid.chunk)
	return 4*int64(seconds*float64(rc.rungs[0].MaxRate)/8) + 16<<20
}

// check compares the frames of chunk k in dir with those there should be. ffmpeg's exit
// status says nothing of that: it reports success for a source cut short.
func (rc recipe) check(dir string, r Rung, k int64) error {
	file, err := scan(filepath.Join(dir, rc.file(r, k)+".part"))
	if err != nil {
		return fmt.Errorf("ffmpeg reported success, but no picture came out: %w", err)
	}
	got := int64(math.Round(file.Duration.Seconds() * rc.grid.rate.float()))
	want := rc.grid.expect(k)
	if k < rc.grid.count-1 && got != want {
		return fmt.Errorf("encoded %d of %d frames from %.0f s on", got, want, rc.grid.seconds(k*rc.grid.chunk))
	}
	padded := int64(0)
	switch {
	case rc.src.FrameGap > 0: // known, and padded up to that
		if got < want {
			padded = rc.grid.slack(rc.src)
		}
	case got >= want-rc.grid.slack(rc.src)-rc.grid.frames/100:
		return nil // only the header told the length
	}
	if got != want {
		done := rc.grid.seconds(k*rc.grid.chunk + max(0, got-padded))
		return fmt.Errorf("the picture ends early: %.1f of %.1f s", done, rc.grid.seconds(rc.grid.frames))
	}
	return nil
}
