//go:build unix

package proc

import (
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const rootDir = "/"

func systemEnviron() []string { return Environ() }

// place sets as whom and in which group the program is to start.
func (p *Process) place(as *Credential) error {
	attr := &syscall.SysProcAttr{}
	if as != nil {
		attr.Credential = &syscall.Credential{Uid: as.UID, Gid: as.GID, Groups: as.Groups}
	}
	switch p.group {
	case OwnSession:
		attr.Setsid = true
	case OwnGroup:
		attr.Setpgid = true
	case Foreground:
		attr.Setpgid = true
		p.restore = giveTerminal(attr)
	}
	p.cmd.SysProcAttr = attr
	return nil
}

// giveTerminal makes the program's group the one that the terminal belongs to,
// if it belongs to ours; the function returned takes it back.
func giveTerminal(attr *syscall.SysProcAttr) (restore func()) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR|syscall.O_CLOEXEC, 0)
	if err != nil {
		return func() {}
	}
	fd := int(tty.Fd())
	owner, err := unix.IoctlGetInt(fd, unix.TIOCGPGRP)
	if err != nil || owner != unix.Getpgrp() {
		tty.Close()
		return func() {}
	}
	attr.Foreground, attr.Ctty = true, fd
	return func() {
		signal.Ignore(syscall.SIGTTOU) // or the kernel stops us for asking from the background
		_ = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, owner)
		signal.Reset(syscall.SIGTTOU)
		tty.Close()
	}
}

// kill ends the program and whatever it started in its group.
func (p *Process) kill() {
	if p.group == Beside {
		_ = p.cmd.Process.Kill() // it may have ended already
		return
	}
	_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
}

// find looks a bare name up in the fixed directories.
func find(name string) (string, error) {
	candidates := []string{name}
	if !strings.Contains(name, "/") {
		candidates = candidates[:0]
		for _, dir := range SearchDirs() {
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
		if denied == nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENOTDIR) {
			denied = err
		}
	}
	if denied != nil {
		return "", denied
	}
	return "", noProgram{}
}
