//go:build linux

package evidencetest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"sshwhy/internal/evidence"
)

// then is the time of every file of the suite.
var then = time.Unix(1700000000, 0)

// tree returns a directory that every user can read.
func tree(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sshwhy-evidence-")
	must(t, err)
	must(t, os.Chmod(dir, 0o755))
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func write(t *testing.T, path, content string, mode os.FileMode) {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o755))
	must(t, os.WriteFile(path, []byte(content), mode))
	must(t, os.Chmod(path, mode)) // whatever the umask
	must(t, os.Chtimes(path, then, then))
}

func meta(kind string, mode os.FileMode, size int64) *evidence.Meta {
	return &evidence.Meta{Type: kind, Mode: uint32(mode), UID: os.Geteuid(), GID: os.Getegid(), Size: size, MTime: then.Unix()}
}

// metaOf is meta with size, time and owner as the system gives them.
func metaOf(t *testing.T, path, kind string, mode os.FileMode) *evidence.Meta {
	m := lookMeta(t, path)
	m.Type, m.Mode = kind, uint32(mode)
	return &m
}

func linkMeta(t *testing.T, path string) *evidence.Meta {
	m := lookMeta(t, path)
	return &m
}

// lookMeta is a plain lstat(2) or stat(2), written apart from the ways that are tested.
func lookMeta(t *testing.T, path string) evidence.Meta {
	t.Helper()
	var st syscall.Stat_t
	must(t, syscall.Lstat(path, &st))
	m := evidence.Meta{Type: "file"}
	if st.Mode&syscall.S_IFMT == syscall.S_IFLNK {
		m.Type = "link"
		m.Link, _ = os.Readlink(path)
		var target syscall.Stat_t
		if syscall.Stat(path, &target) == nil {
			st, m.Type = target, "file"
		}
	}
	m.Mode, m.UID, m.GID = uint32(st.Mode)&0o7777, int(st.Uid), int(st.Gid)
	m.Size, m.MTime = st.Size, lastChange(&st)
	return m
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
