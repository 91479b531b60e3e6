//go:build !windows

package client

import "syscall"

// systemErrno knows no numbers beyond the common ones.
func systemErrno(syscall.Errno) (string, bool) { return "", false }
