package doctor

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/tubelet/tubelet/server/work/disk"
)

// dataFolder is D01.
func dataFolder(_ context.Context, w *world) Finding {
	info, err := os.Stat(w.Data)
	if err != nil {
		return fail("%v.", "Give the right folder with --data, or make a channel: tubelet init.", err)
	}
	if name, other := ownedByOther(info); other {
		return warn("%s belongs to %s, and this runs as somebody else: some of what follows may be wrong.",
			"Ask as the owner: sudo -u "+name+" tubelet doctor", w.Data, name)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fail("%s is open to other users of this machine (%04o): the keys lie in it.", "chmod 700 "+w.Data, w.Data, mode)
	}
	if err := tryFile(w.Data); err != nil {
		return fail("Nothing can be written into %s: %v.", "See whether the disk is full, broken, or mounted read-only.", w.Data, err)
	}
	m := w.mount()
	switch kind := m.kind; {
	case kind == "tmpfs" || kind == "ramfs":
		return fail("%s lies in memory (%s): a restart takes it away.", "Move it to a disk.", w.Data, kind)
	case strings.HasPrefix(kind, "nfs") || kind == "cifs" || kind == "smb3" || kind == "9p" || kind == "fuse.sshfs":
		return fail("%s lies on another machine (%s): SQLite's locks and its log cannot be trusted there.",
			"Keep the data on a disk of this machine, and copies elsewhere: tubelet backup.", w.Data, kind)
	}
	return fine("%s, private, writable", w.Data)
}

// ownedByOther returns who owns a file, and whether that is another than we are.
func ownedByOther(info fs.FileInfo) (string, bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(stat.Uid) == os.Geteuid() {
		return "", false
	}
	id := strconv.FormatUint(uint64(stat.Uid), 10)
	if u, err := user.LookupId(id); err == nil {
		return u.Username, true
	}
	return "#" + id, true
}

func tryFile(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString("doctor")
	return errors.Join(err, f.Sync(), f.Close())
}

// mount is where a folder's file system comes from.
type mount struct{ device, kind string } // "179:2", "ext4"

// mount finds the file system of the data folder in the kernel's list (proc_pid_mountinfo(5)).
func (w *world) mount() mount {
	dir := w.Data
	if real, err := filepath.EvalSymlinks(dir); err == nil {
		dir = real
	}
	found, length := mount{}, -1
	for line := range strings.Lines(w.read("proc/self/mountinfo")) {
		front, back, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(front), strings.Fields(back)
		if len(left) < 5 || len(right) < 1 {
			continue
		}
		point := strings.ReplaceAll(left[4], `\040`, " ")
		if len(point) >= length && (point == "/" || dir == point || strings.HasPrefix(dir, point+"/")) {
			found, length = mount{left[2], right[0]}, len(point)
		}
	}
	return found
}

const (
	reserve     = 1 << 30 // bytes that a channel should always have left
	smallShare  = 20      // of which a disk should have one part free
	fewInodes   = 20_000
	lifeTooLong = 9 // tenths of what a card is said to stand, plus one
)

// freeSpace is D02. A publish needs the source, its renditions, and some room to work.
func freeSpace(ctx context.Context, w *world) Finding {
	free, err := disk.Free(w.Data)
	if err != nil {
		return fail("%v.", "See whether the disk works.", err)
	}
	remedy := "Make room: tubelet rm what nobody watches, delete old backups, or move to a larger disk."
	if free < reserve {
		return fail("%s are free.", remedy, size(free))
	}
	if w.Store == nil {
		return fine("%s free", size(free))
	}
	largest, err := w.Store.LargestSource(ctx)
	if err != nil {
		return warn("%v.", "See D09.", err)
	}
	if free < 2*largest {
		return warn("%s are free, and the largest file published so far has %s: another like it needs twice that.", remedy, size(free), size(largest))
	}
	if total, err := w.total(); err == nil && free < total/smallShare {
		return warn("%s of %s are free.", remedy, size(free), size(total))
	}
	return fine("%s free", size(free))
}

func (w *world) total() (int64, error) {
	var st unix.Statfs_t
	err := unix.Statfs(w.Data, &st)
	return int64(st.Blocks) * int64(st.Bsize), err
}

// freeInodes is D03: a disk without them takes no file, however much room it has.
func freeInodes(_ context.Context, w *world) Finding {
	var st unix.Statfs_t
	if err := unix.Statfs(w.Data, &st); err != nil {
		return fail("%v.", "See whether the disk works.", err)
	}
	if st.Files == 0 {
		return fine("this file system makes them as needed")
	}
	if free := int64(st.Ffree); free < fewInodes {
		return warn("%d of %d are free: soon no file can be made.", "Delete many small files elsewhere on this disk (df -i shows it).", free, st.Files)
	}
	return fine("%d free", st.Ffree)
}

// diskKind is D04: cards wear out, and tell nobody.
func diskKind(_ context.Context, w *world) Finding {
	m := w.mount()
	if m.device == "" {
		return skip("this system does not tell")
	}
	path, err := os.Readlink(filepath.Join(w.Root, "sys/dev/block", m.device))
	if err != nil {
		return fine("%s, no card", m.kind)
	}
	i := strings.Index(path, "/block/mmcblk")
	if i < 0 {
		return fine("%s, no card", m.kind)
	}
	card, _, _ := strings.Cut(path[i+len("/block/"):], "/")
	remedy := "Make backups to another disk (tubelet backup), and keep the data on a USB disk or SSD when you can."
	// JEDEC eMMC: two estimates, each in tenths of the life; 0x0b is beyond it. SD cards say nothing.
	for _, text := range strings.Fields(w.read("sys/block/" + card + "/device/life_time")) {
		if used, err := strconv.ParseUint(text, 0, 8); err == nil && used > lifeTooLong {
			return fail("The data is on %s, which says that nine tenths of its life are over.", remedy, card)
		}
	}
	return warn("The data is on %s, a memory card: these wear out by being written to, and do not warn.", remedy, card)
}

// size prints a size as people read it.
func size(n int64) string {
	for _, unit := range []struct {
		bytes int64
		name  string
	}{{1e12, "TB"}, {1e9, "GB"}, {1e6, "MB"}} {
		if n >= unit.bytes {
			return strconv.FormatFloat(float64(n)/float64(unit.bytes), 'f', 1, 64) + " " + unit.name
		}
	}
	return strconv.FormatInt(n/1000, 10) + " kB"
}
