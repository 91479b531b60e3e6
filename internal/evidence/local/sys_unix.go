//go:build unix

package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"sshwhy/internal/evidence"
)

const (
	// openFlags keep open(2) from waiting, should the file have become a FIFO,
	// and from making a terminal ours.
	openFlags = syscall.O_NONBLOCK | syscall.O_NOCTTY
	rootDir   = "/"
)

func environ() []string { return evidence.Environ() }

// ownGroup starts the program in a session, and so a process group, of its own:
// it has no terminal it could ask for a password on.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }

// endGroup kills the program and whatever it started.
func endGroup(p *os.Process) { _ = unix.Kill(-p.Pid, unix.SIGKILL) }

func owner(info fs.FileInfo) (uid, gid int) {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(st.Uid), int(st.Gid)
	}
	return -1, -1
}

// findProgram looks a bare name up in the fixed directories.
func findProgram(name string) (string, error) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = candidates[:0]
		for _, dir := range evidence.SearchDirs() {
			candidates = append(candidates, filepath.Join(dir, name))
		}
	} else if !filepath.IsAbs(name) {
		return "", unix.EINVAL
	}
	var denied error
	for _, path := range candidates {
		info, err := os.Stat(path)
		if err == nil && info.IsDir() {
			continue
		}
		if err == nil {
			err = unix.Access(path, unix.X_OK)
		}
		if err == nil {
			return path, nil
		}
		if denied == nil && statusOf(err) != evidence.Absent {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", noProgram{}
}
