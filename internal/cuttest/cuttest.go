// Package cuttest feeds readers of hostile text with real lines that were cut at
// every byte. A log, a paste, a bundle or a peer may end anywhere, and whoever
// writes a log line chooses where.
//
// The corpus is all that the project has of real output: every line of every
// testdata directory and of the lab's cases, once per shape. It is used by tests
// only, must not know any reader, and reads nothing but this module's files.
package cuttest

import (
	"bytes"
	"encoding/json"
	"hash/maphash"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"testing"
)

// A Reader reads a text from outside, which it must not change.
type Reader func(text []byte)

// maxCuts bounds how many bytes of a line are cut off at either end. What a reader
// looks for stands near the ends; the middle of a list of algorithms is all alike.
const maxCuts = 96

// maxLine bounds how much of a line is used at all, in bytes.
const maxLine = 400

// All gives every reader every line of the corpus, whole, and without each number
// of bytes at its end and at its beginning up to maxCuts, where no such beginning or
// end came before. It names the reader and the text of a panic.
func All(t *testing.T, readers map[string]Reader) {
	t.Helper()
	var texts [][]byte
	for i, line := range cuts(corpus(t)) {
		if i%stride == 0 {
			texts = append(texts, line...)
		}
	}
	each(t, readers, texts)
}

// Texts gives every reader, for each line of the corpus, one text: the line cut in
// all those ways, one below the other. It is for readers of whole texts, to which
// one line says little. Of a reader that is slow, every n-th line is enough for a
// test that ends in seconds; 1 takes them all.
func Texts(t *testing.T, every int, readers map[string]Reader) {
	t.Helper()
	var texts [][]byte
	for i, line := range cuts(corpus(t)) {
		if i%(every*stride) == 0 {
			texts = append(texts, bytes.Join(line, []byte("\n")))
		}
	}
	each(t, readers, texts)
}

// each runs the readers side by side, each until its first panic.
func each(t *testing.T, readers map[string]Reader, texts [][]byte) {
	t.Helper()
	var all sync.WaitGroup
	for name, read := range readers {
		all.Go(func() {
			for _, text := range texts {
				if !survives(t, name, read, text) {
					return
				}
			}
		})
	}
	all.Wait()
}

// cuts are the ways to cut each line. Two cuts that differ in digits alone are one.
func cuts(lines [][]byte) [][][]byte {
	seed := maphash.MakeSeed()
	seen := map[uint64]bool{}
	out := make([][][]byte, len(lines))
	for i, line := range lines {
		alike := bytes.Clone(line)
		for k, c := range alike {
			if '0' <= c && c <= '9' {
				alike[k] = '0'
			}
		}
		add := func(from, to int) {
			if h := maphash.Bytes(seed, alike[from:to]); !seen[h] {
				seen[h] = true
				out[i] = append(out[i], line[from:to:to])
			}
		}
		n := len(line)
		for cut := range min(n, maxCuts) + 1 {
			add(0, n-cut)
			add(cut, n)
		}
		for end := range max(0, min(n-maxCuts, maxCuts)) { // the beginning of a long line
			add(0, end)
		}
	}
	return out
}

// minLines guards against a corpus that was moved.
const minLines = 5000

// Fuzz fuzzes all readers at once, from a few lines of the corpus on.
func Fuzz(f *testing.F, readers map[string]Reader) {
	for i, line := range corpus(f) {
		if i%200 == 0 {
			f.Add(line)
		}
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		for name, read := range readers {
			if !survives(t, name, read, text) {
				return
			}
		}
	})
}

// survives reports whether a reader takes a text without a panic.
func survives(t *testing.T, name string, read Reader, text []byte) (ok bool) {
	defer func() {
		if p := recover(); p != nil {
			t.Errorf("%s panics at %q: %v\n%s", name, text, p, debug.Stack())
		}
	}()
	read(text)
	return true
}

// corpus reads the lines, once per shape, in the order of the files.
func corpus(t testing.TB) [][]byte {
	t.Helper()
	root, err := moduleRoot()
	if err != nil {
		t.Fatal(err)
	}
	// Two lines that differ in their numbers, addresses, paths or hashes alone are of one shape.
	varies := regexp.MustCompile(`\S*[0-9/@]\S*`)
	seen := map[string]bool{}
	var lines [][]byte
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !sample(path) {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, line := range linesOf(path, data) {
			if shape := varies.ReplaceAllString(line, "0"); !seen[shape] {
				seen[shape] = true
				lines = append(lines, []byte(line[:min(len(line), maxLine)]))
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(lines) < minLines {
		t.Fatalf("the corpus has %d lines only", len(lines))
	}
	return lines
}

// sample reports whether a file is a sample of real output.
func sample(path string) bool {
	return slices.Contains(strings.Split(path, string(filepath.Separator)), "testdata") || strings.HasSuffix(filepath.Dir(path), filepath.Join("lab", "cases"))
}

// linesOf are the lines of a file; of JSON (a bundle), those of its strings.
func linesOf(path string, data []byte) []string {
	if filepath.Ext(path) != ".json" {
		return strings.Split(string(data), "\n")
	}
	var out []string
	dec := json.NewDecoder(bytes.NewReader(data))
	for {
		token, err := dec.Token()
		if err != nil { // the end, or no JSON after all
			return out
		}
		if s, ok := token.(string); ok {
			out = append(out, strings.Split(s, "\n")...)
		}
	}
}

// moduleRoot is the directory with go.mod, from that of the test on upwards.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	for err == nil {
		if _, serr := os.Stat(filepath.Join(dir, "go.mod")); serr == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", fs.ErrNotExist
		}
		dir = up
	}
	return "", err
}
