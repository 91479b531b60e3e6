//go:build unix && !linux

package local

import (
	"io/fs"
	"syscall"
)

// openFlags keep open(2) from waiting, should the file have become a FIFO, and
// from making a terminal ours.
const openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY

func owner(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return -1, -1
}
