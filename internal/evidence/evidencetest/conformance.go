//go:build linux

// Package evidencetest is the suite that every way of filling a bundle must
// pass: whichever way one looks, the same machine gives the same statuses,
// bytes, metadata, matches and exit statuses.
//
// It must not know any of the ways; each hands in its own Fill.
package evidencetest

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sshwhy/internal/evidence"
)

// Fill is one way of filling a bundle.
type Fill func(context.Context, evidence.Manifest) (*evidence.Bundle, error)

// Except names the cases that a way cannot answer like the others, each with
// the reason, which the suite prints.
type Except map[string]string

// slowest is how long the whole suite may take in one way. It takes seconds; a
// way that waits for a sleeping child takes days.
const slowest = 100 * time.Second

// Run runs the suite: one manifest over files, links, globs and programs made
// for it, each with the one right answer.
func Run(t *testing.T, fill Fill, except Except) {
	t.Helper()
	sleeper := newSleeper()
	cases := fixture(t, sleeper)
	ctx, cancel := context.WithTimeout(context.Background(), slowest)
	defer cancel()
	b, err := fill(ctx, func(*evidence.Bundle) []evidence.Item {
		var items []evidence.Item
		for _, c := range cases {
			items = append(items, c.item)
		}
		return items
	})
	if err != nil {
		t.Fatalf("fill: %v", err)
	}
	if b.Way == "" || b.Taken.IsZero() {
		t.Errorf("the bundle does not say how and when it was taken: way %q, taken %v", b.Way, b.Taken)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if why := except[c.name]; why != "" {
				t.Skip(why)
			}
			c.check(t, b.Get(c.item))
		})
	}
	t.Run("nothing is left running", func(t *testing.T) { noSleepers(t, sleeper) })
	t.Run("rounds", func(t *testing.T) { rounds(t, fill) })
}

// rounds checks that a later round sees what an earlier one found.
func rounds(t *testing.T, fill Fill) {
	dir := tree(t)
	write(t, dir+"/first", "second\n", 0o644)
	write(t, dir+"/second", "third\n", 0o644)
	write(t, dir+"/third", "end\n", 0o644)
	b, err := fill(context.Background(), func(seen *evidence.Bundle) []evidence.Item {
		items := []evidence.Item{evidence.File(dir + "/first")}
		for _, key := range seen.Keys() {
			if next := bytes.TrimSpace(seen.Lookup(key).Data); len(next) > 0 {
				items = append(items, evidence.File(dir+"/"+string(next)))
			}
		}
		return items
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"file:" + dir + "/end", "file:" + dir + "/first", "file:" + dir + "/second", "file:" + dir + "/third"}
	if got := b.Keys(); !slices.Equal(got, want) {
		t.Errorf("looked at %q, want %q", got, want)
	}
	if r := b.Lookup("file:" + dir + "/end"); r.Status != evidence.Absent {
		t.Errorf("the last one is %s, want absent", r.Status)
	}
}

// check compares what counts: not the wording of a reason, but that there is one.
func (c testCase) check(t *testing.T, got evidence.Result) {
	t.Helper()
	want := c.want
	if got.Status != want.Status {
		t.Fatalf("status %s (%s), want %s; stderr %q", got.Status, got.Reason, want.Status, got.Stderr)
	}
	if got.Status != evidence.Known && got.Reason == "" {
		t.Error("no reason given")
	}
	if !c.anyData {
		if !bytes.Equal(got.Data, want.Data) {
			t.Errorf("data %s, want %s", brief(got.Data), brief(want.Data))
		}
		if !bytes.Equal(got.Stderr, want.Stderr) {
			t.Errorf("stderr %s, want %s", brief(got.Stderr), brief(want.Stderr))
		}
	}
	if got.Truncated != want.Truncated {
		t.Errorf("truncated %v, want %v", got.Truncated, want.Truncated)
	}
	if want.Status != evidence.Known {
		want.Exit = -1
	}
	if got.Exit != want.Exit {
		t.Errorf("exit status %d, want %d", got.Exit, want.Exit)
	}
	if diff := cmp.Diff(want.Meta, got.Meta); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want.Matches, got.Matches); diff != "" {
		t.Errorf("matches (-want +got):\n%s", diff)
	}
}

func brief(b []byte) string {
	if len(b) > 200 {
		return fmt.Sprintf("%q… (%d bytes)", b[:200], len(b))
	}
	return fmt.Sprintf("%q", b)
}

// Same fails t for every item on which two bundles of the same machine differ.
// Items for which volatile returns true change by themselves and are only
// compared in their status.
func Same(t *testing.T, a, b *evidence.Bundle, volatile func(key string) bool) {
	t.Helper()
	if diff := cmp.Diff(a.Keys(), b.Keys()); diff != "" {
		t.Errorf("items (-%s +%s):\n%s", a.Way, b.Way, diff)
	}
	for _, key := range a.Keys() {
		x, y := a.Lookup(key), b.Lookup(key)
		if x.Status != y.Status {
			t.Errorf("%s: %s is %s (%s), %s is %s (%s)", key, a.Way, x.Status, x.Reason, b.Way, y.Status, y.Reason)
			continue
		}
		if volatile != nil && volatile(key) {
			continue
		}
		if !bytes.Equal(x.Data, y.Data) || !bytes.Equal(x.Stderr, y.Stderr) {
			t.Errorf("%s: %s gives %s %s, %s gives %s %s", key, a.Way, brief(x.Data), brief(x.Stderr), b.Way, brief(y.Data), brief(y.Stderr))
		}
		if x.Exit != y.Exit || x.Truncated != y.Truncated {
			t.Errorf("%s: exit %d, truncated %v; %s: exit %d, truncated %v", key, x.Exit, x.Truncated, b.Way, y.Exit, y.Truncated)
		}
		if diff := cmp.Diff(x.Meta, y.Meta) + cmp.Diff(x.Matches, y.Matches); diff != "" {
			t.Errorf("%s: metadata (-%s +%s):\n%s", key, a.Way, b.Way, diff)
		}
	}
}
