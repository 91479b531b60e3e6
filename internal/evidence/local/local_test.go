//go:build linux

package local

import (
	"context"
	"errors"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/evidencetest"
)

func fill(ctx context.Context, m evidence.Manifest) (*evidence.Bundle, error) {
	return Fill(ctx, m, Options{Tool: "test"})
}

func wants(items ...evidence.Item) evidence.Manifest {
	return func(*evidence.Bundle) []evidence.Item { return items }
}

func TestConformance(t *testing.T) { evidencetest.Run(t, fill, nil) }

func TestDenied(t *testing.T) {
	if evidencetest.AsNobody(t) {
		evidencetest.RunDenied(t, fill)
	}
}

func TestClockIsInjected(t *testing.T) {
	now := time.Date(2020, 1, 2, 3, 4, 5, 0, time.UTC)
	b, err := Fill(t.Context(), wants(), Options{Tool: "1.2", Now: func() time.Time { return now }})
	if err != nil || !b.Taken.Equal(now) || b.Tool != "1.2" || b.Way != "local" || b.UID != os.Geteuid() {
		t.Errorf("header %+v, %v", b, err)
	}
}

// Eight programs that wait two seconds each are not sixteen seconds.
func TestItemsAreLookedAtTogether(t *testing.T) {
	var items []evidence.Item
	for i := range 8 {
		items = append(items, evidence.Command("sh", "-c", "sleep 2; echo "+strconv.Itoa(i)))
	}
	begin := time.Now()
	b, err := fill(t.Context(), wants(items...))
	if took := time.Since(begin); err != nil || took > 10*time.Second {
		t.Errorf("took %v, %v", took, err)
	}
	for i, it := range items {
		if got := string(b.Get(it).Data); got != strconv.Itoa(i)+"\n" {
			t.Errorf("item %d gave %q", i, got)
		}
	}
}

// A daemon that left the group is not ours to kill, but must not hold us up.
func TestEscapedChildDoesNotHoldUp(t *testing.T) {
	it := evidence.Command("sh", "-c", "setsid sh -c 'echo $$; exec sleep 60' & sleep 0.3")
	begin := time.Now()
	b, err := fill(t.Context(), wants(it))
	r := b.Get(it)
	if pid, perr := strconv.Atoi(strings.TrimSpace(string(r.Data))); perr == nil {
		defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	} else {
		t.Fatalf("data %q", r.Data)
	}
	if took := time.Since(begin); err != nil || took > 15*time.Second {
		t.Errorf("took %v, %v", took, err)
	}
	if !r.OK() || r.Exit != 0 || r.Reason == "" {
		t.Errorf("got %+v, want known with a word about the open output", r)
	}
}

func TestCancelledInTheMiddle(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(2*time.Second, cancel)
	quick, slow := evidence.Command("echo", "x"), evidence.Command("sleep", "60").Within(time.Minute)
	begin := time.Now()
	b, err := fill(ctx, wants(quick, slow))
	if took := time.Since(begin); !errors.Is(err, context.Canceled) || took > 15*time.Second {
		t.Errorf("took %v, %v", took, err)
	}
	if r := b.Get(quick); !r.OK() {
		t.Errorf("the quick one is %s: %s", r.Status, r.Reason)
	}
	if r := b.Get(slow); r.Status != evidence.Failed || r.Reason == "" {
		t.Errorf("the slow one is %s: %s", r.Status, r.Reason)
	}
	for range 40 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// A file of the kernel that waits for news must not hold us up either.
func TestFileThatWaits(t *testing.T) {
	const path = "/proc/kmsg"
	if f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0); err != nil {
		t.Skipf("%s cannot be opened here: %v", path, err)
	} else {
		f.Close()
	}
	begin := time.Now()
	it := evidence.File(path).Within(time.Second)
	b, err := fill(t.Context(), wants(it))
	if took := time.Since(begin); err != nil || took > 15*time.Second {
		t.Errorf("took %v, %v", took, err)
	}
	if r := b.Get(it); r.Status == evidence.Known && len(r.Data) == 0 {
		t.Errorf("nothing was read, and that is called known")
	}
}

func TestUsers(t *testing.T) { evidencetest.RunUsers(t, fill, nil) }
