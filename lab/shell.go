//go:build linux

package lab

import (
	"os/exec"
	"path/filepath"
)

// hostPath is the search path of everything that runs for a world on the host's files.
const hostPath = "/opt/lab:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// cleanEnv is a command under an environment that owes nothing to who started the lab.
func cleanEnv(argv ...string) []string {
	return append([]string{"/usr/bin/env", "-i", "PATH=" + hostPath, "HOME=/root", "USER=root", "LOGNAME=root",
		"LANG=C.UTF-8", "TERM=dumb"}, argv...)
}

// shell is the command that runs a script and stops at its first error.
func shell(script string) []string { return []string{"sh", "-euc", script, "lab"} }

// cleanShell is both.
func cleanShell(script string) []string { return cleanEnv(shell(script)...) }

// lookPath finds a program of the host, also where the caller's PATH lacks the sbin directories.
func lookPath(name string) (string, error) {
	for _, dir := range filepath.SplitList(hostPath) {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return exec.LookPath(name)
}
