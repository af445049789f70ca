package media

import (
	"math"
	"runtime"
	"slices"
)

// Rung is one encoded rendition of a ladder.
type Rung struct {
	Height    int // the rung's name: the short side
	Width     int // pixel columns
	PixHeight int // pixel rows
	FPS       float64
	MaxRate   int // bits per second, the cap of the encoder's buffer model
	CRF       float64
	Copy      bool // stream-copied, not encoded: Maker.Copy makes it
}

// Plan is what will be made of a source.
type Plan struct {
	Copy    bool    // the first rung is a stream copy
	Rungs   []Rung  // highest first; empty for audio only
	First   []int   // heights that the first pass makes, the ones that make it watchable; 0 is audio
	Audio   []int   // indexes of Source.Audio that become audio-only renditions of their own
	Seconds float64 // estimated work, wall clock on this machine
	Bytes   int64   // estimated size of all renditions
}

// Select returns the rungs of the given heights that are to be encoded, highest first.
func (p Plan) Select(heights []int) []Rung {
	var rungs []Rung
	for _, r := range p.Rungs {
		if !r.Copy && slices.Contains(heights, r.Height) {
			rungs = append(rungs, r)
		}
	}
	return rungs
}

// soon is the longest whole ladder that is made in one pass, which saves a decode, rather
// than lowest rung first, which is watchable soonest.
const soon = 15.0

// Plan decides the ladder for src: rungs by the short side of the displayed picture, never
// larger than the source or maxHeight (0 means no limit).
func (m *Maker) Plan(src Source, maxHeight int) Plan {
	var p Plan
	for i := range src.Audio {
		if i > 0 || !src.HasVideo {
			p.Audio = append(p.Audio, i)
		}
	}
	if !src.HasVideo {
		p.First = []int{0}
		p.Audio = p.Audio[:min(1, len(p.Audio))]
		p.Seconds = 0.02 * src.Duration.Seconds()
		p.Bytes = int64(src.Duration.Seconds() * audioRate / 8)
		return p
	}
	p.Audio = alternatives(src.Audio)
	top := src.short()
	if maxHeight > 0 && top > maxHeight {
		top = maxHeight
	} else {
		p.Copy = src.CopyReason() == ""
	}
	for _, h := range ladder(top) {
		p.Rungs = append(p.Rungs, src.rung(h))
	}
	if p.Copy {
		p.Rungs = slices.DeleteFunc(p.Rungs, func(r Rung) bool { return float64(r.Height) > 0.85*float64(top) })
		p.Rungs = slices.Insert(p.Rungs, 0, src.copied())
	}
	m.estimate(&p, src)
	p.First = first(p)
	return p
}

// alternatives picks the tracks beside the first that are in a further language.
func alternatives(tracks []AudioTrack) []int {
	var picked []int
	seen := map[string]bool{}
	for i, t := range tracks {
		if i > 0 && t.Language != "" && !seen[t.Language] {
			picked = append(picked, i)
		}
		seen[t.Language] = true
	}
	return picked
}

// first decides what the first pass makes: the copy; else everything when that is quick;
// else the lowest rung, which is watchable soonest.
func first(p Plan) []int {
	if p.Copy || p.Seconds > soon {
		if p.Copy {
			return []int{p.Rungs[0].Height}
		}
		return []int{p.Rungs[len(p.Rungs)-1].Height}
	}
	var all []int
	for _, r := range p.Rungs {
		all = append(all, r.Height)
	}
	return all
}

// ladder returns the rungs for a picture with the given short side. A size between two
// standard ones keeps its own, and the standard rung just below it is left out.
func ladder(short int) []int {
	short -= short % 2
	var rungs []int
	for _, h := range []int{2160, 1440, 1080, 720, 480, 360} {
		if h <= short {
			rungs = append(rungs, h)
		}
	}
	if len(rungs) > 0 && float64(short) <= 1.05*float64(rungs[0]) {
		return rungs
	}
	if len(rungs) == 0 && short >= 240 && short < 252 {
		return []int{240}
	}
	rungs = slices.DeleteFunc(rungs, func(h int) bool { return float64(h) > 0.85*float64(short) })
	return slices.Insert(rungs, 0, short)
}

// rung sizes the rung of the given short side.
func (s Source) rung(height int) Rung {
	r := Rung{Height: height, FPS: outputFPS(s.FPS, s.VFR), CRF: 24}
	long := even(float64(max(s.Width, s.Height)) * float64(height) / float64(s.short()))
	r.Width, r.PixHeight = long, height
	if s.Height > s.Width {
		r.Width, r.PixHeight = height, long
	}
	r.MaxRate = maxRate(r)
	return r
}

// copied describes the rung that is the source's own streams.
func (s Source) copied() Rung {
	return Rung{Height: s.short(), Width: s.Width, PixHeight: s.Height, FPS: s.FPS, MaxRate: int(s.Bitrate), Copy: true}
}

// even rounds to the nearest even number, which 4:2:0 pictures need.
func even(x float64) int { return max(2, 2*int(math.Round(x/2))) }

// maxRate caps a rung: 5.5 Mbit/s for 1080p30, less than linear in pixels and frames
// because larger and faster pictures are more alike from pixel to pixel.
func maxRate(r Rung) int {
	size := math.Pow(float64(r.Width*r.PixHeight)/(1920*1080), 0.78)
	rate := math.Pow(max(r.FPS, 24)/30, 0.7)
	return max(int(5.5e6*size*rate)/1000*1000, 120_000)
}

// estimate fills in the expected time and size. The speeds are measured ones of libx264
// "faster" on one x86-64 core, in CPU seconds per million pixels; small ARM cores take
// about three times as long.
func (m *Maker) estimate(p *Plan, src Source) {
	const encode, decode = 0.040, 0.012
	seconds := src.VideoLength.Seconds()
	var cpu float64
	for _, r := range p.Rungs {
		rate := 0.6 * float64(r.MaxRate)
		if r.Copy {
			rate = float64(src.Bitrate)
		} else {
			cpu += encode * float64(r.Width*r.PixHeight) / 1e6 * r.FPS * seconds
		}
		p.Bytes += int64((rate + audioRate) / 8 * seconds)
	}
	if cpu > 0 {
		cpu += decode * float64(src.Width*src.Height) / 1e6 * src.FPS * seconds
	}
	if runtime.GOARCH == "arm" || runtime.GOARCH == "arm64" && runtime.GOOS == "linux" {
		cpu *= 3
	}
	p.Seconds = cpu/float64(min(m.threads(), 8)) + 0.02*src.Duration.Seconds()
}

// threads is the number of threads that ffmpeg is told to use.
func (m *Maker) threads() int {
	if n := m.config().Threads; n > 0 {
		return n
	}
	return runtime.NumCPU()
}

// audioRate is the bit rate of encoded stereo sound.
const audioRate = 128_000

// rational is an exact frame rate.
type rational struct{ num, den int }

// standardRates are the rates that displays and editors know.
var standardRates = []rational{
	{24000, 1001}, {24, 1}, {25, 1}, {30000, 1001}, {30, 1}, {48, 1}, {50, 1}, {60000, 1001}, {60, 1},
}

func (r rational) float() float64 { return float64(r.num) / float64(r.den) }

// exact finds the fraction that a rounded rate stands for.
func exact(fps float64) rational {
	near := nearest(fps)
	if math.Abs(near.float()-fps) < 0.0005*fps {
		return near
	}
	if whole := math.Round(fps); math.Abs(whole-fps) < 0.0005*fps {
		return rational{int(whole), 1}
	}
	return rational{int(math.Round(fps * 100)), 100}
}

// nearest returns the standard rate closest to fps.
func nearest(fps float64) rational {
	best := standardRates[0]
	for _, r := range standardRates {
		if math.Abs(r.float()-fps) < math.Abs(best.float()-fps) {
			best = r
		}
	}
	return best
}

// outputFPS returns the constant rate that a source is encoded at: its own up to 60, half
// of it when that fits, a standard one when its frames come at varying distances.
func outputFPS(fps float64, vfr bool) float64 {
	switch {
	case fps <= 0:
		return 30
	case fps > 60.5 && fps <= 121:
		fps /= 2
	case fps > 121:
		fps = 60
	}
	if vfr {
		return nearest(max(fps, 24)).float()
	}
	return max(exact(fps).float(), 1)
}

// gop is the number of frames in the two seconds from one keyframe to the next.
func (r rational) gop() int { return max(1, int(math.Round(2*r.float()))) }

// timescale returns ticks per second in which every frame lasts whole ticks.
func (r rational) timescale() int {
	scale := r.num
	for scale < 10000 {
		scale *= 10
	}
	return scale
}
