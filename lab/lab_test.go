//go:build linux

package lab

import (
	"context"
	"testing"
	"time"
)

// TestWorld boots one machine of each suite and logs in.
func TestWorld(t *testing.T) {
	needRoot(t)
	for _, suite := range Suites {
		t.Run(suite, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(context.Background(), buildLimit+time.Minute)
			defer cancel()
			w, err := New(ctx, suite, "")
			if err != nil {
				t.Fatal(err)
			}
			defer w.Close()
			start := time.Now()
			if err := w.Boot(ctx); err != nil {
				t.Fatal(err)
			}
			t.Logf("booted in %v", time.Since(start).Round(time.Millisecond))
			for _, family := range []string{"-4", "-6"} {
				if res := w.Login(ctx, []string{family, "alice@server"}); res.Exit != 0 {
					t.Errorf("no login: %v", res)
				}
			}
			if res := w.Server(ctx, "systemctl --failed --plain --no-legend"); len(res.Stdout) > 0 {
				t.Errorf("failed units in a fresh machine: %v", res)
			}
		})
	}
}
