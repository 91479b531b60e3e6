package local

import (
	"os/exec"

	"golang.org/x/sys/unix"
)

// waitAndEndGroup waits for the program and ends what it left in its group. It
// leaves the program a zombie meanwhile: as long as nobody has collected it, its
// number cannot be given to another process, so the kill can only hit its own.
func waitAndEndGroup(cmd *exec.Cmd) {
	for unix.Waitid(unix.P_PID, cmd.Process.Pid, nil, unix.WEXITED|unix.WNOWAIT, nil) == unix.EINTR {
	}
	endGroup(cmd.Process)
	_ = cmd.Wait() // the outcome is in ProcessState
}
