//go:build !linux

package cli

import "os"

// Questions are asked where a fix can be made, which is Linux only.
func flushInput(*os.File) {}

func withoutEcho(*os.File) (restore func()) { return func() {} }
