//go:build !unix

package walk

import "io/fs"

// looseMode knows nothing of access control lists: ssh.exe judges them.
func looseMode(fs.FileInfo) string { return "" }

// rootOwns: there is no root.
func rootOwns(fs.FileInfo) bool { return false }
