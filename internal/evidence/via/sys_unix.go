//go:build unix

package via

import (
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"
)

func shellHere() (program, flag string) { return "/bin/sh", "-c" }

// ownGroup makes the command run in a process group of its own. Where we have
// the terminal, that group gets it, so that ssh or sudo can ask for a password;
// the function returned takes it back.
func ownGroup(cmd *exec.Cmd) (restore func()) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
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
	cmd.SysProcAttr.Foreground, cmd.SysProcAttr.Ctty = true, fd
	return func() {
		signal.Ignore(syscall.SIGTTOU) // or the kernel stops us for asking from the background
		_ = unix.IoctlSetPointerInt(fd, unix.TIOCSPGRP, owner)
		signal.Reset(syscall.SIGTTOU)
		tty.Close()
	}
}

// endGroup kills the command and whatever it started here.
func endGroup(cmd *exec.Cmd) { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) }
