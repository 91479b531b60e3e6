//go:build unix

package client

import (
	"os/exec"
	"syscall"
)

// ownGroup puts a program into a process group of its own and ends that whole
// group when its time is over: a hanging Match exec must not stay behind.
func ownGroup(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
