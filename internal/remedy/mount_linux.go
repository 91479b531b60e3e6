package remedy

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// ownMount says why an opened object is not asked for anything: it lies in a
// file system that a user's program serves, which may answer what and when it
// likes. To find that out asks the kernel alone.
func ownMount(fd int, path string) error {
	var st unix.Statx_t
	const ask = unix.AT_EMPTY_PATH | unix.AT_NO_AUTOMOUNT | unix.AT_STATX_DONT_SYNC
	if unix.Statx(fd, "", ask, unix.STATX_MNT_ID, &st) != nil || st.Mask&unix.STATX_MNT_ID == 0 {
		return nil // before Linux 5.8: then it is waited for
	}
	if st.Attributes_mask&unix.STATX_ATTR_MOUNT_ROOT != 0 && st.Attributes&unix.STATX_ATTR_MOUNT_ROOT == 0 {
		return nil // on the way here its mount was asked about
	}
	table, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	if uid, ok := servedBy(table, st.Mnt_id); ok && !isOwn(uid) {
		return fmt.Errorf("%s lies in %w (uid %d)", path, errServed, uid)
	}
	return nil
}

// servedBy is who serves a mount, by its line in the table of mounts
// (proc_pid_mountinfo(5)), if it is one of FUSE: its option user_id (mount.fuse3(8)).
func servedBy(table []byte, id uint64) (uid uint32, ok bool) {
	for line := range bytes.Lines(table) {
		f := strings.Fields(string(line))
		if len(f) == 0 || f[0] != strconv.FormatUint(id, 10) {
			continue
		}
		_, behind, _ := strings.Cut(string(line), " - ")
		kind := strings.Fields(behind)
		if len(kind) < 3 || kind[0] != "fuse" && !strings.HasPrefix(kind[0], "fuse.") && kind[0] != "fuseblk" {
			return 0, false
		}
		for o := range strings.SplitSeq(kind[2], ",") {
			if word, found := strings.CutPrefix(o, "user_id="); found {
				n, err := strconv.ParseUint(word, 10, 32)
				return uint32(n), err == nil
			}
		}
	}
	return 0, false
}
