//go:build linux

package lab

import (
	"context"
	"testing"
)

// TestFixes has every case whose fault can be repaired mended by one
// `--fix --yes` (with --open where the case says so), logs in, undoes, and
// compares the machine with what it was.
func TestFixes(t *testing.T) {
	tools := setUp(t)
	sides := sidesAsked(tools)
	if sides == nil {
		t.Skip("only the symptoms were asked for")
	}
	mended := func(c Case) bool { return c.Fixes() && drawn(c) && (everything() || half(c) == 1) }
	forEach(t, mended, firstImage, func(ctx context.Context, c Case, suite string) Outcome {
		return RunFix(ctx, c, suite, tools, sides)
	})
}
