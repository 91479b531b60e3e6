//go:build !unix

package via

import "os/exec"

// shellHere is nothing: a command line is split at its blanks.
func shellHere() (program, flag string) { return "", "" }

func ownGroup(*exec.Cmd) (restore func()) { return func() {} }

// endGroup kills the command; what it started is not reached on this system.
func endGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
