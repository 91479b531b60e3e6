//go:build unix

package via

func shellHere() (program, flag string) { return "/bin/sh", "-c" }
