//go:build !unix

package proc

import (
	"errors"
	"os"
	"os/exec"
)

const rootDir = ""

// systemEnviron is what this process has: there is no fixed place for programs here.
func systemEnviron() []string { return os.Environ() }

// place refuses another user; there are no groups on this system.
func (p *Process) place(as *Credential) error {
	if as != nil {
		return errors.New("a program cannot be run as another user on this system")
	}
	return nil
}

// kill ends the program. Its children are not reached on this system.
func (p *Process) kill() { _ = p.cmd.Process.Kill() }

func (p *Process) wait() error {
	err := p.cmd.Wait()
	p.over()
	return err
}

func find(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err != nil {
		return "", noProgram{}
	}
	return path, nil
}
