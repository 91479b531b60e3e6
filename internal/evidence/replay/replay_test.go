package replay

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"sshwhy/internal/evidence"
)

// sample holds one of everything.
func sample() *evidence.Bundle {
	b := evidence.NewBundle()
	b.Tool, b.Way, b.Taken, b.UID = "1.0", "local", time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC), 0
	meta := evidence.Meta{Type: "file", Mode: 0o640, UID: 0, GID: 42, Size: 8, MTime: 1700000000, Link: "x"}
	b.Put(evidence.File("/etc/ssh/sshd_config"), evidence.Result{Status: evidence.Known, Data: []byte("Port 22 <&>\n"), Meta: &meta})
	b.Put(evidence.File("/bin"), evidence.Result{Status: evidence.Known, Data: []byte("\xff\x00\u009b\u202e")})
	b.Put(evidence.File("/empty"), evidence.Result{Status: evidence.Known, Data: []byte{}})
	b.Put(evidence.Glob("/x/*"), evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: "/x/a", Meta: meta}}})
	odd := evidence.Match{Path: "/x/\xff", Meta: evidence.Meta{Type: "link", Link: "\x1b\xfe"}}
	b.Put(evidence.Glob("/\xff/*"), evidence.Result{Status: evidence.Denied, Reason: "r", Exit: -1, Matches: []evidence.Match{odd}})
	b.Put(evidence.Command("sshd", "-T"), evidence.Result{Status: evidence.Known, Exit: 255, Stderr: []byte("no\n"), Truncated: true})
	b.Put(evidence.Stat("/root"), evidence.Result{Status: evidence.Denied, Reason: "permission denied", Exit: -1})
	b.Settle() // as whoever reads it back does
	return b
}

func encoded(t *testing.T, b *evidence.Bundle) []byte {
	t.Helper()
	var buf bytes.Buffer
	if err := Write(&buf, b); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

var whole = cmp.Options{cmp.AllowUnexported(evidence.Bundle{}), cmpopts.EquateComparable()}

func TestRoundTrip(t *testing.T) {
	want := sample()
	text := encoded(t, want)
	got, err := Read(bytes.NewReader(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	if diff := cmp.Diff(want, got, whole); diff != "" {
		t.Error(diff)
	}
	if again := encoded(t, got); !bytes.Equal(again, text) {
		t.Errorf("written again it is another file:\n%s", cmp.Diff(string(text), string(again)))
	}
	if bytes.ContainsAny(text, "\x00\x1b\u009b\u202e") {
		t.Error("the file holds control characters")
	}
}

func TestRoundTripOfAnything(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := evidence.NewBundle()
		b.Taken = time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "taken"), 0).UTC()
		for range rapid.IntRange(0, 5).Draw(t, "items") {
			r := evidence.Result{
				Status: rapid.SampledFrom(statuses).Draw(t, "status"),
				Reason: rapid.String().Draw(t, "reason"),
				Data:   rapid.SliceOf(rapid.Byte()).Draw(t, "data"),
				Stderr: []byte(rapid.String().Draw(t, "stderr")),
				Exit:   rapid.IntRange(-1, 255).Draw(t, "exit"),
			}
			b.PutKey("file:/"+rapid.String().Draw(t, "key"), r)
		}
		b.Settle()
		var buf bytes.Buffer
		if err := Write(&buf, b); err != nil {
			t.Fatal(err)
		}
		got, err := Read(&buf)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(b, got, whole); diff != "" {
			t.Fatal(diff)
		}
	})
}

// Wherever a file is cut, it is refused: never half a bundle.
func TestEveryCutIsNoticed(t *testing.T) {
	text := encoded(t, sample())
	var zipped bytes.Buffer
	if err := write(&zipped, sample(), true); err != nil {
		t.Fatal(err)
	}
	for n := 1; n < len(text)-2; n++ { // without the last newline it is whole
		if _, err := Read(bytes.NewReader(text[:n])); !errors.Is(err, ErrCut) {
			t.Fatalf("cut to %d bytes: %v", n, err)
		}
	}
	for n := 2; n < zipped.Len(); n++ {
		if _, err := Read(bytes.NewReader(zipped.Bytes()[:n])); !errors.Is(err, ErrCut) {
			t.Fatalf("compressed and cut to %d bytes: %v", n, err)
		}
	}
}

func TestWhatIsNotABundle(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"empty", "", ErrForeign.Error()},
		{"text", "hello\n", ErrForeign.Error()},
		{"other JSON", `{"schema":1,"stages":[]}`, ErrForeign.Error()},
		{"an array", `[1,2]`, ErrForeign.Error()},
		{"no items", `{"bundle":1}`, ErrForeign.Error()},
		{"format 0", `{"bundle":0,"items":[]}`, ErrForeign.Error()},
		{"newer", `{"bundle":2,"items":{}}`, "newer sshwhy (format 2"},
		{"unknown status", `{"bundle":1,"items":[{"key":"file:/x","status":"fine"}]}`, `status "fine"`},
		{"no key", `{"bundle":1,"items":[{"status":"known"}]}`, "damaged"},
		{"twice", `{"bundle":1,"items":[{"key":"a","status":"known"},{"key":"a","status":"known"}]}`, "twice"},
		{"items twice", `{"bundle":1,"items":[],"items":[]}`, "twice"},
		{"bad base64", `{"bundle":1,"items":[{"key":"a","status":"known","data_base64":"?"}]}`, "damaged"},
		{"wrong type", `{"bundle":1,"items":[{"key":7,"status":"known"}]}`, "damaged"},
		{"more behind", `{"bundle":1,"items":[]}{}`, "follows"},
		{"noise behind", `{"bundle":1,"items":[]}xyz`, "follows"},
		{"noise inside", `{"bundle":1,"items":[}`, "damaged at byte"},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Read(strings.NewReader(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || b != nil {
				t.Errorf("got %v, want …%s…", err, c.want)
			}
		})
	}
}

// What unpacks to more than is read is refused, however small it comes.
func TestBomb(t *testing.T) {
	const most = 1 << 20
	for _, size := range []int{most - 100, 3 * most} {
		var bomb bytes.Buffer
		z := gzip.NewWriter(&bomb)
		_, _ = z.Write([]byte(`{"bundle":1,"items":[],"x":"` + strings.Repeat("a", size) + `"}`))
		z.Close()
		if _, err := read(&bomb, most); errors.Is(err, ErrTooBig) != (size > most) {
			t.Errorf("%d bytes where %d are read: %v", size, most, err)
		}
	}
}

// A later version may add fields; this one does not mind.
func TestUnknownFields(t *testing.T) {
	b, err := Read(strings.NewReader(`{"bundle":1,"new":{"a":[1]},"items":[{"key":"file:/x","status":"absent","new":1}]}`))
	if err != nil || b.Lookup("file:/x").Status != evidence.Absent || b.UID != -1 {
		t.Errorf("%+v, %v", b, err)
	}
}

func TestSave(t *testing.T) {
	for _, name := range []string{"b.json", "b.json.gz"} {
		path := filepath.Join(t.TempDir(), name)
		if err := Save(path, sample(), false); err != nil {
			t.Fatal(err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		if head, _ := os.ReadFile(path); (head[0] == '{') == strings.HasSuffix(name, ".gz") {
			t.Errorf("%s begins with %q", name, head[:1])
		}
		got, err := Open(path)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(sample(), got, whole); diff != "" {
			t.Error(diff)
		}
		if err := Save(path, evidence.NewBundle(), false); !errors.Is(err, fs.ErrExist) {
			t.Errorf("written over an existing file: %v", err)
		}
		if again, err := Open(path); err != nil || len(again.Keys()) == 0 {
			t.Errorf("the first file is gone: %v", err)
		}
		if err := Save(path, evidence.NewBundle(), true); err != nil {
			t.Error(err)
		}
		if left, _ := filepath.Glob(filepath.Dir(path) + "/.*"); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	}
	if err := Save(filepath.Join(t.TempDir(), "no", "b"), sample(), false); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("in a missing directory: %v", err)
	}
}

func FuzzRead(f *testing.F) {
	var buf bytes.Buffer
	_ = Write(&buf, sample())
	f.Add(buf.Bytes())
	f.Add(buf.Bytes()[:buf.Len()/2])
	var zipped bytes.Buffer
	_ = write(&zipped, sample(), true)
	f.Add(zipped.Bytes())
	f.Add([]byte(`{"bundle":1,"items":[{"key":"a","status":"known","data":"\ud800"}]}`))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, in []byte) {
		b, err := Read(bytes.NewReader(in))
		if (b == nil) == (err == nil) {
			t.Fatal("neither a bundle nor an error")
		}
		if err != nil {
			return
		}
		var once, twice bytes.Buffer
		if err := Write(&once, b); err != nil {
			return // a time that JSON cannot express
		}
		again, err := Read(bytes.NewReader(once.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		_ = Write(&twice, again)
		if !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatal("not the same file the second time")
		}
	})
}

// In memory an empty match is fifty times what it is in the file.
func TestTooManyMatches(t *testing.T) {
	text := `{"bundle":1,"tool":"","taken":"2026-01-02T03:04:05Z","way":"","uid":0,"items":[{"key":"glob:/x/*","status":"known","exit":0,"matches":[` +
		strings.Repeat("{},", 4*maxMatches) + `{}]}]}`
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := Read(strings.NewReader(text))
	runtime.ReadMemStats(&after)
	if err == nil || !strings.Contains(err.Error(), "matches of patterns") {
		t.Error(err)
	}
	if grown := (after.Sys - before.Sys) >> 20; grown > 300 {
		t.Errorf("%d kB took %d MB of memory", len(text)>>10, grown)
	}
}
