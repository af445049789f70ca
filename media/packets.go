package media

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// maxPackets bounds the reading of all packets: ten hours at 60 frames a second with sound.
// What has more is encoded rather than copied. The bound counts packets and not time, so
// that a job which goes on after a crash, on a busier machine, plans what it planned before.
const maxPackets = 4 << 20

// errEnough ends a scan at its bound.
var errEnough = errors.New("more packets than are read")

// packets is what reading every packet header of a file tells.
type packets struct {
	complete    bool          // the file was read to its end
	end         time.Duration // of the last packet of any stream, counted from the first
	videoEnd    time.Duration
	frames      int
	keyframeGap time.Duration
	keys        int // keyframes within lookLength
	frameGap    time.Duration
	rate        float64 // of nearly all frames, 0 when they differ
}

// packets reads all packets of src, decoding none.
func (m *Maker) packets(ctx context.Context, src Source) (packets, error) {
	lead := -1
	if src.HasVideo {
		lead = src.VideoIndex
	}
	scan := &packetScan{lead: lead, spans: map[int]*span{}, left: m.scans}
	err := m.run(ctx, job{tool: ffprobe, input: src.Path, urgent: true, stdout: scan, cpu: scanTime + reading(src.Bytes),
		global: []string{"-of", "compact=p=0", "-show_entries", "packet=stream_index,pts_time,dts_time,duration_time,flags"}})
	// Ffprobe says "failed" of a file cut short, and the packets tell by how much. When it was
	// killed, they tell nothing of the file.
	exit, ended := errors.AsType[*exec.ExitError](err)
	if err != nil && (ctx.Err() != nil || scan.left > 0 && !(ended && exit.Exited())) {
		return packets{}, err
	}
	p := scan.result()
	p.complete = scan.left > 0
	return p, nil
}

// scanTime is the processor time for maxPackets on a small machine, several times over.
const scanTime = 5 * time.Minute

// lookLength is how much of a file is looked at for what is alike all over it.
const lookLength = time.Minute

// openGOP says whether keyframes of H.264 need pictures before them, of which a container
// other than MP4 does not tell: when only those are passed on that stand alone, most of
// the keys that it marks are gone.
func (m *Maker) openGOP(ctx context.Context, src Source, keys int) (bool, error) {
	out := &boundedWriter{limit: 1 << 20}
	err := m.run(ctx, job{tool: ffmpeg, input: src.Path, urgent: true, stdout: out,
		decode: []string{"-t", strconv.Itoa(int(lookLength.Seconds()))},
		args: []string{"-map", "0:" + strconv.Itoa(src.VideoIndex), "-c:v", "copy",
			"-bsf:v", "filter_units=pass_types=5", "-f", "framecrc", "pipe:1"}})
	if exit, ended := errors.AsType[*exec.ExitError](err); ended && exit.Exited() {
		m.log.Debug("keyframes not looked at", "error", err) // the copy looks again
		return false, nil
	}
	if err != nil {
		return false, err
	}
	alone := 0
	for text := range strings.Lines(out.String()) {
		if !strings.HasPrefix(text, "#") {
			alone++
		}
	}
	return 2*alone <= keys, nil
}

// packetScan reads ffprobe's list of packets while it is written.
type packetScan struct {
	lead  int // index of the shown stream
	rest  []byte
	left  int // packets still to be read
	spans map[int]*span
}

// span is the time that one stream covers.
type span struct {
	packets, keys int
	first, end    time.Duration
	last          time.Duration // decoding time of the packet before
	timed         bool          // last is known
	key           time.Duration
	keyGap, frame time.Duration
	tail          time.Duration // how long the last packet lasts
	apart         map[int64]apart
}

// apart counts the frames that are about as far from the ones before them.
type apart struct {
	n   int
	sum time.Duration
}

// Write takes the next piece of the list.
func (s *packetScan) Write(p []byte) (int, error) {
	s.rest = append(s.rest, p...)
	for {
		i := bytes.IndexByte(s.rest, '\n')
		if i < 0 {
			break
		}
		if s.left <= 0 {
			return 0, errEnough
		}
		s.left--
		s.line(string(s.rest[:i]))
		s.rest = s.rest[i+1:]
	}
	if len(s.rest) > 1<<16 {
		return 0, errors.New("line too long")
	}
	return len(p), nil
}

// line takes one "stream_index=0|pts_time=...|flags=K_" record.
func (s *packetScan) line(text string) {
	var index int
	var pts, dts, length time.Duration
	var timed, ordered, key, hidden bool
	for field := range strings.SplitSeq(text, "|") {
		name, value, _ := strings.Cut(field, "=")
		switch name {
		case "stream_index":
			index, _ = strconv.Atoi(value)
		case "pts_time":
			pts, timed = signed(value)
		case "dts_time":
			dts, ordered = signed(value)
		case "duration_time":
			length = seconds(value)
		case "flags":
			key = strings.HasPrefix(value, "K")
			hidden = strings.Contains(value, "D") // an edit list leaves it out
		}
	}
	switch {
	case index < 0 || index >= maxStreams || !timed && !ordered:
		return
	case !timed:
		pts = dts
	}
	if hidden {
		return
	}
	sp := s.spans[index]
	if sp == nil {
		sp = &span{first: pts, key: pts}
		s.spans[index] = sp
	}
	// Decoding times come in order, so their distances are those of the frames. The first
	// few may be missing where frames are reordered.
	if ordered {
		if sp.timed {
			sp.frame = max(sp.frame, dts-sp.last)
			sp.distance(dts - sp.last)
		}
		sp.last, sp.timed = dts, true
	}
	sp.add(pts, length, key)
}

// distance counts one distance of two frames, to the millisecond.
func (sp *span) distance(d time.Duration) {
	if sp.apart == nil {
		sp.apart = map[int64]apart{}
	}
	ms := d.Milliseconds()
	if a, known := sp.apart[ms]; known || len(sp.apart) < 1000 {
		sp.apart[ms] = apart{a.n + 1, a.sum + d}
	}
}

// rate is the usual frame rate, 0 when more than one frame in a hundred lasts longer or
// shorter than the others.
func (sp *span) rate() float64 {
	var usual int64
	var most, near, all int
	var sum time.Duration
	for ms, a := range sp.apart {
		if a.n > most || a.n == most && ms < usual {
			usual, most = ms, a.n
		}
	}
	for ms, a := range sp.apart {
		all += a.n
		if abs := max(ms-usual, usual-ms); abs <= 1+usual/10 {
			near, sum = near+a.n, sum+a.sum
		}
	}
	if sum <= 0 || all-near > 1+all/100 {
		return 0
	}
	return float64(near) / sum.Seconds()
}

func (sp *span) add(pts, length time.Duration, key bool) {
	sp.packets++
	sp.first = min(sp.first, pts)
	length = min(length, time.Minute)
	if pts+length >= sp.end {
		sp.end, sp.tail = pts+length, length
	}
	if key {
		sp.keyGap = max(sp.keyGap, pts-sp.key)
		sp.key = pts
		if pts-sp.first < lookLength {
			sp.keys++
		}
	}
}

// result sums up the scan. Times count from the earliest packet of all, which is where
// ffmpeg's -start_at_zero begins too.
func (s *packetScan) result() packets {
	var p packets
	start := time.Duration(math.MaxInt64)
	for _, sp := range s.spans {
		start = min(start, sp.first)
	}
	for i, sp := range s.spans {
		p.end = max(p.end, sp.end-start)
		if i == s.lead {
			p.videoEnd, p.frames, p.frameGap = sp.end-start, sp.packets, max(sp.frame, sp.tail)
			p.keyframeGap, p.keys, p.rate = max(sp.keyGap, sp.end-sp.key), sp.keys, sp.rate()
		}
	}
	return p
}

// signed reads seconds that may be negative.
func signed(s string) (time.Duration, bool) {
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || f < -1e9 || f > 1e9 {
		return 0, false
	}
	return time.Duration(f * float64(time.Second)), true
}
