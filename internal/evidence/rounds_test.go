package evidence

import (
	"errors"
	"strconv"
	"testing"
)

func TestRoundsEnd(t *testing.T) {
	endless := Manifest(func(seen *Bundle) []Item {
		return []Item{File("/0"), File("/" + strconv.Itoa(len(seen.Keys())))}
	})
	b, asked := NewBundle(), 0
	err := endless.Rounds(b, func(round []Item) error {
		asked++
		for _, it := range round {
			b.Put(it, Result{Status: Known})
		}
		return nil
	})
	if err != nil || asked != MaxRounds {
		t.Fatalf("asked %d times, %v", asked, err)
	}
	if r := b.Lookup("file:/" + strconv.Itoa(MaxRounds)); r.Status != Failed || r.Reason == "" {
		t.Errorf("what was left over is %s (%s), want failed", r.Status, r.Reason)
	}
}

func TestRoundsKeepWhatWasNotAnswered(t *testing.T) {
	broken := errors.New("the connection broke")
	wanted := Manifest(func(*Bundle) []Item { return []Item{File("/a"), File("/b"), File("/a")} })
	b := NewBundle()
	err := wanted.Rounds(b, func(round []Item) error {
		if len(round) != 2 {
			t.Errorf("asked for %d items, want each once", len(round))
		}
		b.Put(round[0], Result{Status: Absent})
		return broken
	})
	if err != broken || b.Get(File("/a")).Status != Absent || b.Get(File("/b")).Status != Failed {
		t.Errorf("%v: %+v", err, b)
	}

	b = NewBundle()
	if err := wanted.Rounds(b, func([]Item) error { return nil }); err != nil || b.Get(File("/b")).Status != Failed {
		t.Errorf("a look without answer: %v, %+v", err, b)
	}
}

func TestRoundsAreBounded(t *testing.T) {
	many := Manifest(func(*Bundle) []Item {
		items := make([]Item, MaxItems+10)
		for i := range items {
			items[i] = File("/" + strconv.Itoa(i))
		}
		return items
	})
	b, looked := NewBundle(), 0
	err := many.Rounds(b, func(round []Item) error {
		looked += len(round)
		for _, it := range round {
			b.Put(it, Result{Status: Known})
		}
		return nil
	})
	if err != nil || looked != MaxItems || b.Get(File("/"+strconv.Itoa(MaxItems+5))).Status != Failed {
		t.Errorf("looked at %d, %v", looked, err)
	}
}
