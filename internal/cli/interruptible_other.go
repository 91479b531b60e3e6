//go:build !unix

package cli

import (
	"context"
	"io"
	"os"
)

// untilInterrupted has no way here to wait for an input and for Ctrl-C at once.
func untilInterrupted(_ context.Context, f *os.File) io.Reader { return f }
