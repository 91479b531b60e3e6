package main

import (
	"bytes"
	"os"
	"testing"
)

// TestCausesPageIsCurrent keeps docs/causes.md as the catalogue says it.
func TestCausesPageIsCurrent(t *testing.T) {
	have, err := os.ReadFile("../../docs/causes.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, causes()) {
		t.Error("docs/causes.md is not what the catalogue says: run make docs")
	}
}

// TestEveryIDIsPromised: what has a page stands in the list that keeps it.
func TestEveryIDIsPromised(t *testing.T) {
	have, err := os.ReadFile("../../" + promised)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(have, promise(have)) {
		t.Errorf("%s lacks a cause that has a page: run make docs", promised)
	}
	if kept := promise([]byte("# head\nzz-gone\n")); !bytes.Contains(kept, []byte("\nzz-gone\n")) {
		t.Error("an id that has no page any more is taken out of the promise")
	}
}
