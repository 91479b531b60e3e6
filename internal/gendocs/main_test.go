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
