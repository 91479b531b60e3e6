package cli

import (
	"bufio"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestTail: a file that grows, is rotated away and is cut is read to its end
// each time, and reading ends with the context.
func TestTail(t *testing.T) {
	path := filepath.Join(t.TempDir(), "auth.log")
	write := func(flag int, text string) {
		t.Helper()
		f, err := os.OpenFile(path, flag|os.O_WRONLY|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteString(text); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	write(0, "old\n")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.Seek(0, io.SeekEnd); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	tl := &tail{ctx: ctx, path: path, f: f}
	defer tl.close()
	r := bufio.NewReader(tl)
	want := func(line string) {
		t.Helper()
		if got, err := r.ReadString('\n'); got != line || err != nil {
			t.Fatalf("read %q, %v; want %q", got, err, line)
		}
	}
	write(os.O_APPEND, "grown by a line\n")
	want("grown by a line\n")
	if err := os.Rename(path, path+".1"); err != nil {
		t.Fatal(err)
	}
	write(0, "in the new file\n")
	want("in the new file\n")
	write(os.O_TRUNC, "cut\n")
	want("cut\n")
	cancel()
	if _, err := r.ReadString('\n'); err != io.EOF {
		t.Errorf("after the end: %v", err)
	}
}

// TestSilentInput: an input whose writer says nothing ends with the context, and
// what came before is read.
func TestSilentInput(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	in := bufio.NewReader(untilInterrupted(ctx, r))
	if _, err := w.WriteString("a line\n"); err != nil {
		t.Fatal(err)
	}
	if got, err := in.ReadString('\n'); got != "a line\n" || err != nil {
		t.Fatalf("read %q, %v", got, err)
	}
	time.AfterFunc(50*time.Millisecond, cancel)
	start := time.Now()
	if _, err := in.ReadString('\n'); err != io.EOF {
		t.Errorf("after the interrupt: %v", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("the interrupt took %v", d)
	}
}
