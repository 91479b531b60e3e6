//go:build unix && !linux

package local

import "os/exec"

// waitAndEndGroup waits for the program and ends what it left in its group.
func waitAndEndGroup(cmd *exec.Cmd) {
	_ = cmd.Wait() // the outcome is in ProcessState
	endGroup(cmd.Process)
}
