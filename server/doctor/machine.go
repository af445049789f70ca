package doctor

import (
	"cmp"
	"context"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/server/doctor/kernel"
)

const (
	littleMemory = 400 << 20 // a machine sold with 512 MB keeps some for its graphics
	someMemory   = 1500 << 20
	hot          = 80.0 // degrees Celsius, where a Raspberry Pi begins to slow down
	filesNeeded  = 4096
	clockSlack   = 60 * time.Second
)

// memory is D05.
func memory(_ context.Context, w *world) Finding {
	total, swap := int64(-1), int64(-1)
	for line := range strings.Lines(w.read("proc/meminfo")) {
		name, rest, _ := strings.Cut(line, ":")
		fields := strings.Fields(rest)
		if len(fields) == 0 {
			continue
		}
		n, err := strconv.ParseInt(fields[0], 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "MemTotal":
			total = n << 10
		case "SwapTotal":
			swap = n << 10
		}
	}
	switch {
	case total < 0:
		return skip("this system does not tell")
	case total < littleMemory:
		return fail("There are %s of memory: ffmpeg needs some 300 MB beside the server.", "Use a machine with 512 MB or more, or publish only files that need no encoding.", size(total))
	case total < someMemory && swap == 0:
		return warn("There are %s of memory and no swap: a large picture may end ffmpeg.",
			"Add a gigabyte of swap (on Raspberry Pi OS: zram-tools, elsewhere: fallocate, mkswap, swapon), or tubelet config set max_height 1080.", size(total))
	}
	return fine("%s, swap %s", size(total), size(max(swap, 0)))
}

// Bits of the Raspberry Pi's get_throttled.
const (
	lowVoltage     = 1 << 0
	slowed         = 1<<1 | 1<<2 | 1<<3
	wasLowVoltage  = 1 << 16
	wasSlowed      = 1<<17 | 1<<18 | 1<<19
	throttledSysfs = "sys/devices/platform/soc/soc:firmware/get_throttled"
)

// heat is D06.
func heat(ctx context.Context, w *world) Finding {
	bits := w.throttled(ctx)
	power := "Use the power supply that was made for this board, and a short cable."
	switch {
	case bits&lowVoltage != 0:
		return fail("The board gets too little voltage now: it may lose what it writes.", power)
	case bits&slowed != 0:
		return warn("The board is slowed down now, because of its heat or its power.", "Give it a heat sink or a fan. "+power)
	case bits&wasLowVoltage != 0:
		return warn("The board got too little voltage at least once since it was started.", power)
	case bits&wasSlowed != 0:
		return warn("The board was slowed down at least once since it was started.", "Give it a heat sink or a fan.")
	}
	zones, err := filepath.Glob(filepath.Join(w.Root, "sys/class/thermal/thermal_zone*/temp"))
	hottest := -1000.0
	for _, zone := range zones {
		name, _ := filepath.Rel(w.Root, zone)
		if milli, err := strconv.ParseFloat(w.read(name), 64); err == nil {
			hottest = max(hottest, milli/1000)
		}
	}
	switch {
	case err != nil || hottest < -100:
		return skip("this machine does not tell its heat")
	case hottest >= hot:
		return warn("It is %.0f degrees hot: it slows down to save itself.", "Give it a heat sink or a fan, or fewer cores for making videos: tubelet config set threads 2.", hottest)
	}
	return fine("%.0f degrees", hottest)
}

// throttled returns what a Raspberry Pi's firmware says, 0 on other machines.
func (w *world) throttled(ctx context.Context) uint64 {
	text := w.read(throttledSysfs)
	if text == "" && w.Root == "/" {
		if tool, err := exec.LookPath("vcgencmd"); err == nil {
			out, _ := exec.CommandContext(ctx, tool, "get_throttled").Output() // nothing on other boards
			_, text, _ = strings.Cut(strings.TrimSpace(string(out)), "=0x")
		}
	}
	bits, _ := strconv.ParseUint(strings.TrimPrefix(text, "0x"), 16, 64)
	return bits
}

// ffmpeg is D07.
func ffmpeg(ctx context.Context, w *world) Finding {
	path, version := w.Media.Tool(ctx, "ffmpeg")
	probe, _ := w.Media.Tool(ctx, "ffprobe")
	if path == "" || probe == "" {
		return fail("ffmpeg or ffprobe is not there: only MP4 files that browsers can play are published.", "Install it: sudo apt install ffmpeg")
	}
	major, minor := release(version)
	if major > 0 && (major < 5 || major == 5 && minor < 1) {
		return warn("ffmpeg is %s: versions before 5.1 are not tried with, and may refuse fewer hostile files.", "Upgrade the system, or install a newer ffmpeg.", version)
	}
	cmd := exec.CommandContext(ctx, path, "-hide_banner", "-encoders")
	cmd.Env = []string{}
	list, err := cmd.Output()
	if ctx.Err() != nil {
		return w.slow(path)
	}
	if err != nil {
		return fail("%s could not be run: %v.", "Install it anew: sudo apt install --reinstall ffmpeg", path, err)
	}
	for _, name := range []string{"libx264", "aac"} {
		if !slices.Contains(strings.Fields(string(list)), name) {
			return fail("This ffmpeg has no %s.", "Install a full ffmpeg, such as Debian's.", name)
		}
	}
	encoder := cmp.Or(w.Settings["encoder"], "auto")
	if encoder == "auto" {
		encoder = "libx264" // the hardware's is tried before each use, and left when it does not do
	}
	cmd = exec.CommandContext(ctx, path, "-nostdin", "-v", "error", "-f", "lavfi", "-i", "color=gray:s=256x144:r=1:d=1", "-frames:v", "1",
		"-pix_fmt", "yuv420p", "-c:v", encoder, "-f", "null", "-")
	cmd.Env = []string{}
	err = cmd.Run()
	if ctx.Err() != nil {
		return w.slow(path)
	}
	if err != nil {
		if encoder != "libx264" {
			return warn("The encoder %s made no picture: libx264 is used instead.", "tubelet config set encoder auto", encoder)
		}
		return fail("ffmpeg's encoder made no picture: %v.", "Install it anew: sudo apt install --reinstall ffmpeg", err)
	}
	return fine("%s at %s", version, path)
}

// slow says that ffmpeg was not at fault, as far as is known.
func (w *world) slow(path string) Finding {
	return warn("%s did not end within %s.", "Look again when the machine has less to do; if it stays so, the disk is slow or failing.", path, w.patience())
}

// release reads the numbers that a version begins with: "5.1.9-0+deb12u1", "n7.1".
func release(version string) (major, minor int) {
	first, rest, _ := strings.Cut(strings.TrimPrefix(version, "n"), ".")
	major, _ = strconv.Atoi(first)
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		rest = rest[:end]
	}
	minor, _ = strconv.Atoi(rest)
	return major, minor
}

// clock is D08. Other servers refuse what is signed at a wrong time, and certificates look
// invalid. The time is compared with what is at hand: when this program was made, the
// kernel's word, and a friend's server. Asking any two servers of the internet would tell
// strangers about this one.
func clock(_ context.Context, w *world) Finding {
	now, remedy := w.Now(), "Set it, and have it kept right: sudo timedatectl set-ntp true"
	if !w.Built.IsZero() && now.Before(w.Built.Add(-24*time.Hour)) {
		return fail("The clock says %s, which is before this program was made.", remedy, now.UTC().Format(time.DateTime))
	}
	if w.Via != "" && !w.Offline {
		if answer, err := w.anyFriend(); err == nil && !answer.Date.IsZero() {
			// The header has whole seconds.
			if off := now.Sub(answer.Date) - (w.Now().Sub(answer.Came)); off.Abs() > clockSlack {
				return fail("The clock is %s away from that of the friend's server.", remedy, off.Abs().Round(time.Second))
			}
		}
	}
	synced, known := w.synced()
	if known && !synced {
		return warn("No time service keeps the clock right.", remedy)
	}
	if !known {
		return fine("%s; whether it is kept right is not known here", now.UTC().Format(time.DateTime))
	}
	return fine("%s, kept right", now.UTC().Format(time.DateTime))
}

func (w *world) synced() (synced, known bool) {
	if w.Kernel != nil {
		return w.Kernel()
	}
	return kernel.Synced()
}

// openFiles is D10: each viewer takes one or two, each video that is read another.
func openFiles(_ context.Context, w *world) Finding {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return skip("this system does not tell")
	}
	most := uint64(limit.Max)
	if pid := w.server().pid; pid > 0 {
		if served, ok := w.filesOf(pid); ok {
			most = served
		}
	}
	if most < filesNeeded {
		return warn("At most %d files can be open at once.", "Let it have more: LimitNOFILE=65536 in the unit, or ulimit -n before the start.", most)
	}
	return fine("up to %d", most)
}

// filesOf reads the hard limit of a process from proc_pid_limits(5).
func (w *world) filesOf(pid int) (uint64, bool) {
	for line := range strings.Lines(w.read("proc/" + strconv.Itoa(pid) + "/limits")) {
		rest, found := strings.CutPrefix(line, "Max open files")
		if fields := strings.Fields(rest); found && len(fields) >= 2 {
			n, err := strconv.ParseUint(fields[1], 10, 64)
			return n, err == nil
		}
	}
	return 0, false
}
