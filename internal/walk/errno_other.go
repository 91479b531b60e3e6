//go:build !windows

package walk

import (
	"syscall"

	"sshwhy/internal/client"
)

// systemErrno knows no numbers beyond the common ones.
func systemErrno(syscall.Errno) (client.Errno, bool) { return "", false }
