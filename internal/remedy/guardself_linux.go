package remedy

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// selfName is the copy of this program in the record of a guarded fix.
const selfName = "sshwhy"

// steady is a path of this program that is still this program when the guard's
// time has come: its own, or a copy in the record where others than root can
// change what stands there, or a reboot empties it. Only root's guards last.
func (tx *Tx) steady(self string) (string, error) {
	if os.Geteuid() != 0 || tx.sys.stays(self) {
		return self, nil
	}
	data, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		return "", fmt.Errorf("this program cannot be read to be copied: %w", err)
	}
	path := filepath.Join(tx.dir, selfName)
	if err := tx.sys.writeNew(path, data); err != nil {
		return "", err
	}
	return path, os.Chmod(path, 0o700) // in the record, a directory that is root's alone
}

// stays says whether a program is root's alone and on a file system that a
// reboot leaves as it is.
func (s *System) stays(path string) bool {
	if real, err := resolve(path); err != nil || real != path || othersDecide(path) {
		return false
	}
	var st unix.Stat_t
	var fs unix.Statfs_t
	if unix.Lstat(path, &st) != nil || unix.Statfs(path, &fs) != nil {
		return false
	}
	return st.Mode&unix.S_IFMT == unix.S_IFREG && st.Uid == 0 && st.Mode&0o022 == 0 && fs.Type != unix.TMPFS_MAGIC && fs.Type != unix.RAMFS_MAGIC
}
