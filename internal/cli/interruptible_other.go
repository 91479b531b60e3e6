//go:build !unix

package cli

import (
	"context"
	"io"
	"os"
)

// untilInterrupted has no way here to wait for an input and for Ctrl-C at once.
func untilInterrupted(_ context.Context, f *os.File) io.Reader { return f }

// openInterruptible opens a file to read.
func openInterruptible(_ context.Context, path string) (*os.File, io.Reader, error) {
	f, err := os.Open(path)
	return f, f, err
}
