package operator

import (
	"context"
	"os"
	"testing"
)

// TestLook reads the real /proc: this process has ancestors, and its parent is among them.
func TestLook(t *testing.T) {
	s := Look(context.Background(), func(context.Context, ...string) (string, bool) { return "", false })
	if len(s.Chain) < 2 || s.Chain[0].PID != os.Getpid() || s.Chain[1].PID != os.Getppid() {
		t.Errorf("%+v", s.Chain)
	}
	if s.Chain[0].Began < s.Chain[1].Began {
		t.Error("began before its parent")
	}
}
