//go:build !linux

package local

import (
	"io/fs"
	"os"

	"sshwhy/internal/evidence"
)

// place is something that was found.
type place struct {
	path string
	info fs.FileInfo
	meta evidence.Meta
	link *evidence.Meta // of the path itself, where it is a symbolic link
}

func (p *place) close() {}

func (p *place) open() (*os.File, error) {
	f, err := os.OpenFile(p.path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, err
	}
	if now, err := f.Stat(); err != nil || !os.SameFile(now, p.info) {
		f.Close()
		return nil, refusal("it was replaced while it was looked at")
	}
	return f, nil
}

func (p *place) list() ([]fs.DirEntry, error) { return os.ReadDir(p.path) }

// plainEyes look as the system does: every link is followed.
type plainEyes struct{}

func (plainEyes) find(path string) (*place, *evidence.Meta, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, nil, err
	}
	var link *evidence.Meta
	if info.Mode()&fs.ModeSymlink != 0 {
		m := metaFrom(info)
		link = &m
		if m.Link, err = os.Readlink(path); err != nil {
			return nil, link, err
		}
		if info, err = os.Stat(path); err != nil {
			return nil, link, err
		}
	}
	return &place{path: path, info: info, meta: metaFrom(info)}, link, nil
}

func metaFrom(info fs.FileInfo) evidence.Meta {
	uid, gid := owner(info)
	return evidence.Meta{Type: typeOf(info.Mode()), Mode: permissions(info.Mode()), UID: uid, GID: gid,
		Size: info.Size(), MTime: info.ModTime().Unix()}
}

func typeOf(m fs.FileMode) string {
	switch {
	case m.IsRegular():
		return "file"
	case m.IsDir():
		return "dir"
	case m&fs.ModeSymlink != 0:
		return "link"
	case m&fs.ModeSocket != 0:
		return "socket"
	case m&fs.ModeNamedPipe != 0:
		return "fifo"
	}
	return "device"
}

// permissions gives the low twelve bits of st_mode.
func permissions(m fs.FileMode) uint32 {
	bits := uint32(m.Perm())
	for _, b := range []struct {
		mode fs.FileMode
		bit  uint32
	}{{fs.ModeSetuid, 0o4000}, {fs.ModeSetgid, 0o2000}, {fs.ModeSticky, 0o1000}} {
		if m&b.mode != 0 {
			bits |= b.bit
		}
	}
	return bits
}

// ownEyes are those of this process.
func ownEyes() eyes { return plainEyes{} }
