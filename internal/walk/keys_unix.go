//go:build unix

package walk

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// looseMode returns the mode of a private key that ssh refuses: it belongs to
// this user, and others may do something with it (authfile.c:
// sshkey_perm_ok). Otherwise it returns "".
func looseMode(st fs.FileInfo) string {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok || int(sys.Uid) != os.Getuid() || st.Mode().Perm()&0o077 == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", st.Mode().Perm())
}

// rootOwns reports whether something belongs to root.
func rootOwns(st fs.FileInfo) bool {
	sys, ok := st.Sys().(*syscall.Stat_t)
	return ok && sys.Uid == 0
}
