package media

import "math"

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
	if vfr && fps > 20 {
		return nearest(fps).float()
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
