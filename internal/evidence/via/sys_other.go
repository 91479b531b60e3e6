//go:build !unix

package via

// shellHere is nothing: a command line is split at its blanks.
func shellHere() (program, flag string) { return "", "" }
