//go:build !unix

package local

import (
	"io/fs"
	"os"
	"os/exec"
	"syscall"
)

const (
	openFlags = 0
	rootDir   = ""
)

// environ is what this process has: there is no fixed place for programs here.
func environ() []string { return os.Environ() }

func ownGroup() *syscall.SysProcAttr { return nil }

// endGroup kills the program. Its children are not reached on this system.
func endGroup(p *os.Process) { _ = p.Kill() }

func waitAndEndGroup(cmd *exec.Cmd) { _ = cmd.Wait() }

// owner is not a number on this system.
func owner(fs.FileInfo) (uid, gid int) { return -1, -1 }

func findProgram(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", noProgram{}
	}
	return path, nil
}
