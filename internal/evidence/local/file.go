package local

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"sshwhy/internal/evidence"
)

// lookFile reads a file. Only regular files are read (those of /proc and /sys
// are regular): opening a FIFO would wait for a writer, and reading a device can
// have effects.
func lookFile(ctx context.Context, it evidence.Item) evidence.Result {
	r := lookStat(it)
	if !r.OK() {
		return r
	}
	if r.Meta.Type != "file" {
		return notAFile(r)
	}
	f, err := os.OpenFile(it.Path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return because(r, err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil || !info.Mode().IsRegular() {
		return notAFile(r) // it was replaced between the two looks
	}
	if limit, ok := ctx.Deadline(); ok {
		_ = f.SetReadDeadline(limit) // only for files that can wait, such as /proc/kmsg
	}
	data, err := io.ReadAll(io.LimitReader(f, int64(it.Limit())+1))
	if len(data) > it.Limit() {
		data, r.Truncated = data[:it.Limit()], true
	}
	r.Data = data
	if err != nil {
		return because(r, err)
	}
	return r
}

func notAFile(r evidence.Result) evidence.Result {
	r.Status, r.Reason, r.Exit = evidence.Failed, "not a regular file but a "+r.Meta.Type, -1
	return r
}

// lookStat reads the metadata of the path, symbolic links followed. Of a link
// that leads nowhere it is the metadata of the link itself, with status Absent.
func lookStat(it evidence.Item) evidence.Result {
	if !filepath.IsAbs(it.Path) {
		return failed("not an absolute path")
	}
	meta, err := metaOf(it.Path)
	r := evidence.Result{Status: evidence.Known, Meta: meta}
	if err != nil {
		return because(r, err)
	}
	return r
}

func metaOf(path string) (*evidence.Meta, error) {
	info, err := os.Lstat(path)
	if err != nil {
		return nil, err
	}
	var link string
	if info.Mode()&fs.ModeSymlink != 0 {
		if link, err = os.Readlink(path); err == nil {
			var target fs.FileInfo
			if target, err = os.Stat(path); err == nil {
				info = target
			}
		}
	}
	uid, gid := owner(info)
	return &evidence.Meta{
		Type: typeOf(info.Mode()), Mode: permissions(info.Mode()), UID: uid, GID: gid,
		Size: info.Size(), MTime: info.ModTime().Unix(), Link: link,
	}, err
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

// because turns r into what err says: not there, not allowed, or gone wrong.
func because(r evidence.Result, err error) evidence.Result {
	r.Status, r.Reason, r.Exit = statusOf(err), reasonOf(err), -1
	if r.Status == evidence.Absent && r.Meta != nil && r.Meta.Link != "" {
		r.Reason = "a symbolic link to " + r.Meta.Link + ", which does not exist"
	}
	return r
}

func statusOf(err error) evidence.Status {
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR):
		return evidence.Absent
	case errors.Is(err, fs.ErrPermission):
		return evidence.Denied
	}
	return evidence.Failed
}

// reasonOf is the error's text without the call and the path, which the item names.
func reasonOf(err error) string {
	if p, ok := errors.AsType[*fs.PathError](err); ok {
		return p.Err.Error()
	}
	return err.Error()
}
