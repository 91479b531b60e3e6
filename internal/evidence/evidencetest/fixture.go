//go:build linux

package evidencetest

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"sshwhy/internal/evidence"
)

type testCase struct {
	name    string
	item    evidence.Item
	want    evidence.Result
	anyData bool // the bytes are not fixed (cut by time)
}

// binary holds what text handling spoils: NUL, CR, invalid UTF-8, no last newline.
var binary = "a\x00b\r\nc\xff\xfe\x80 \\ % \u009b\u202e\n\n$(touch /tmp/x)`id`'\"\x1b[31m\x04\x1a end"

// runs counts the runs of the suite in this process.
var runs atomic.Int64

// newSleeper gives a duration no one else sleeps for, in seconds; see noSleepers.
func newSleeper() string {
	return strconv.FormatInt(1_000_000+int64(os.Getpid())*1000+runs.Add(1), 10)
}

func known(data string) evidence.Result {
	return evidence.Result{Status: evidence.Known, Data: []byte(data)}
}

func is(s evidence.Status) evidence.Result { return evidence.Result{Status: s, Exit: -1} }

func fixture(t *testing.T, sleeper string) []testCase {
	t.Helper()
	dir := tree(t)
	var cases []testCase
	cases = append(cases, files(t, dir)...)
	cases = append(cases, oddFiles(t, dir)...)
	cases = append(cases, globs(t, dir)...)
	cases = append(cases, commands(t, dir)...)
	cases = append(cases, endings(sleeper)...)
	return append(cases, hellos(t)...)
}

func files(t *testing.T, dir string) []testCase {
	var cases []testCase
	file := func(name, path, content string, mode os.FileMode) {
		write(t, path, content, mode)
		r := known(content)
		r.Meta = meta("file", mode, int64(len(content)))
		cases = append(cases, testCase{name: name, item: evidence.File(path), want: r})
	}
	file("plain", dir+"/plain", "Port 22\n", 0o640)
	file("binary", dir+"/binary", binary, 0o600)
	file("empty", dir+"/empty", "", 0o644)
	file("no newline", dir+"/nonl", "x", 0o644)
	file("longer than a pipe", dir+"/long", strings.Repeat("0123456789abcde\n", 20000), 0o644)
	for _, name := range []string{"a b", "-n", "it's", `"q"`, "$(id)", "`id`", `back\slash`, "st*r", "[x]", "tab\there", "line\nbreak", "ünï", "~", "#", "a;b", "%s", " lead", "trail "} {
		file("name "+name, dir+"/"+name, "in "+name, 0o644)
	}
	cut := func(name string, size, limit int) {
		path, content := dir+"/"+name, strings.Repeat("y", size)
		write(t, path, content, 0o644)
		r := known(content[:min(size, limit)])
		r.Meta, r.Truncated = meta("file", 0o644, int64(size)), size > limit
		cases = append(cases, testCase{name: name, item: evidence.File(path).AtMost(limit), want: r})
	}
	cut("one less than the cap", 999, 1000)
	cut("as long as the cap", 1000, 1000)
	cut("one more than the cap", 1001, 1000)

	huge := dir + "/huge"
	write(t, huge, "", 0o644)
	must(t, os.Truncate(huge, 200<<20))
	must(t, os.Chtimes(huge, then, then))
	r := known(strings.Repeat("\x00", evidence.DefaultCap))
	r.Truncated, r.Meta = true, meta("file", 0o644, 200<<20)
	cases = append(cases, testCase{name: "200 MB", item: evidence.File(huge), want: r})

	set := dir + "/setuid"
	write(t, set, "", 0o644)
	must(t, syscall.Chmod(set, 0o4751))
	r = evidence.Result{Status: evidence.Known, Meta: meta("file", 0o751, 0)}
	r.Meta.Mode |= 0o4000
	cases = append(cases, testCase{name: "stat of a setuid file", item: evidence.Stat(set), want: r})
	return cases
}

// oddFiles are all that is not a plain file, or not there.
func oddFiles(t *testing.T, dir string) []testCase {
	var cases []testCase
	both := func(name, path string, status evidence.Status, m *evidence.Meta) {
		stat := evidence.Result{Status: evidence.Known, Meta: m}
		if status == evidence.Absent || m == nil || m.Type == "link" {
			stat.Status = status
		}
		cases = append(cases,
			testCase{name: "file of " + name, item: evidence.File(path), want: evidence.Result{Status: status, Meta: m}},
			testCase{name: "stat of " + name, item: evidence.Stat(path), want: stat})
	}
	both("a missing file", dir+"/missing", evidence.Absent, nil)
	both("a missing directory", dir+"/missing/x/y", evidence.Absent, nil)
	both("a file as directory", dir+"/plain/x", evidence.Absent, nil)
	both("a relative path", "etc/passwd", evidence.Failed, nil)

	sub := dir + "/dir"
	must(t, os.Mkdir(sub, 0o700))
	must(t, os.Chtimes(sub, then, then))
	both("a directory", sub, evidence.Failed, metaOf(t, sub, "dir", 0o700))
	fifo := dir + "/fifo"
	must(t, syscall.Mkfifo(fifo, 0o600))
	must(t, os.Chtimes(fifo, then, then))
	both("a fifo", fifo, evidence.Failed, meta("fifo", 0o600, 0))
	both("a device", "/dev/zero", evidence.Failed, metaOf(t, "/dev/zero", "device", 0o666))
	both("a socket", socket(t, dir), evidence.Failed, meta("socket", 0o600, 0))

	link := func(name, target string) string { must(t, os.Symlink(target, dir+"/"+name)); return dir + "/" + name }
	m := meta("file", 0o640, 8)
	m.Link = "plain"
	cases = append(cases, testCase{name: "a link", item: evidence.File(link("link", "plain")),
		want: evidence.Result{Status: evidence.Known, Data: []byte("Port 22\n"), Meta: m}})
	both("a link to nothing", link("dangling", "no where"), evidence.Absent, linkMeta(t, dir+"/dangling"))
	both("a link to itself", link("loop", "loop"), evidence.Failed, linkMeta(t, dir+"/loop"))
	cases = append(cases, testCase{name: "a file of /proc", item: evidence.File("/proc/sys/kernel/ostype"),
		want: evidence.Result{Status: evidence.Known, Data: []byte("Linux\n"), Meta: metaOf(t, "/proc/sys/kernel/ostype", "file", 0o444)}})
	return cases
}

func globs(t *testing.T, dir string) []testCase {
	d := dir + "/conf.d"
	for _, name := range []string{"10-b.conf", "9 a.conf", "9-z.conf", ".hidden.conf", "notes.txt", "Ä.conf", "[1].conf"} {
		write(t, d+"/"+name, name, 0o644)
	}
	for _, home := range []string{"ann", "bob", "a b"} {
		write(t, dir+"/home/"+home+"/.ssh/authorized_keys", "key", 0o600)
	}
	must(t, os.MkdirAll(dir+"/home/zoe", 0o755))
	must(t, os.Symlink("gone", d+"/50-link.conf"))
	matches := func(paths ...string) evidence.Result {
		r := evidence.Result{Status: evidence.Known}
		for _, p := range paths {
			r.Matches = append(r.Matches, evidence.Match{Path: p, Meta: lookMeta(t, p)})
		}
		return r
	}
	glob := func(name, pattern string, r evidence.Result) testCase {
		return testCase{name: "glob " + name, item: evidence.Glob(pattern), want: r}
	}
	return []testCase{
		glob("of drop-ins", d+"/*.conf", matches(d+"/10-b.conf", d+"/50-link.conf", d+"/9 a.conf", d+"/9-z.conf", d+"/[1].conf", d+"/Ä.conf")),
		glob("of hidden ones", d+"/.*.conf", matches(d+"/.hidden.conf")),
		glob("with a class", d+"/[1-5]?-*.conf", matches(d+"/10-b.conf", d+"/50-link.conf")),
		glob("with a negated class", d+"/[^1-5[]*.conf", matches(d+"/9 a.conf", d+"/9-z.conf", d+"/Ä.conf")),
		glob("with an escape", d+`/\[*.conf`, matches(d+"/[1].conf")),
		glob("over directories", dir+"/home/*/.ssh/auth*", matches(dir+"/home/a b/.ssh/authorized_keys", dir+"/home/ann/.ssh/authorized_keys", dir+"/home/bob/.ssh/authorized_keys")),
		glob("then a fixed name", dir+"/home/*/.ssh/authorized_keys", matches(dir+"/home/a b/.ssh/authorized_keys", dir+"/home/ann/.ssh/authorized_keys", dir+"/home/bob/.ssh/authorized_keys")),
		glob("without wildcard", dir+"/plain", matches(dir+"/plain")),
		glob("of nothing", d+"/*.nothing", is(evidence.Absent)),
		glob("in a missing directory", dir+"/no.d/*.conf", is(evidence.Absent)),
		glob("in a file", dir+"/plain/*", is(evidence.Absent)),
		glob("malformed", d+"/[", is(evidence.Failed)),
	}
}

// patience is a time limit that only a program which really hangs exceeds, also
// where the tests of everything run at once.
const patience = 30 * time.Second

func commands(t *testing.T, dir string) []testCase {
	cmd := func(name string, want evidence.Result, args ...string) testCase {
		return testCase{name: "command " + name, item: evidence.Command(args...).Within(patience), want: want}
	}
	both := known("out\n")
	both.Stderr, both.Exit = []byte("err\n"), 3
	flood := known(strings.Repeat("o", 300000))
	flood.Stderr = bytes.Repeat([]byte("e"), 300000)
	odd := []string{"a b", "", "it's", `"`, "$HOME", "`id`", `\`, "*", "line\nbreak", "\t", "-n", "ü", "\xff"}
	broken := dir + "/interpreter"
	write(t, broken, "#!/no/such/interpreter\n", 0o755)
	write(t, dir+"/noexec", "#!/bin/sh\n", 0o644)
	return []testCase{
		cmd("true", known(""), "true"),
		cmd("with an exit status", both, "sh", "-c", "echo out; echo err >&2; exit 3"),
		cmd("with exit status 255", evidence.Result{Status: evidence.Known, Exit: 255}, "sh", "-c", "exit 255"),
		cmd("with exit status 127", evidence.Result{Status: evidence.Known, Exit: 127}, "sh", "-c", "exit 127"),
		cmd("with exit status 124", evidence.Result{Status: evidence.Known, Exit: 124}, "sh", "-c", "exit 124"),
		cmd("with odd arguments", known(strings.Join(odd, "|")+"|"), append([]string{"printf", "%s|"}, odd...)...),
		cmd("with a long argument that needs no quotes", known(strings.Repeat("Id,_9", 200)), "printf", "%s", strings.Repeat("Id,_9", 200)),
		cmd("with a long argument that needs quotes", known(strings.Repeat("a 'b' ", 200)), "printf", "%s", strings.Repeat("a 'b' ", 200)),
		cmd("with binary output", known(binary), "cat", dir+"/binary"),
		cmd("with much on both outputs", flood, "sh", "-c", "head -c 300000 /dev/zero | tr '\\0' o; head -c 300000 /dev/zero | tr '\\0' e >&2"),
		cmd("by path", known("x\n"), "/bin/echo", "x"),
		cmd("reads nothing", known(""), "cat"),
		cmd("in the root directory", known("/\n"), "sh", "-c", "pwd"),
		cmd("in a fixed environment", known("C /usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/run/current-system/sw/bin dumb\n"),
			"sh", "-c", "echo $LC_ALL $PATH $TERM"),
		cmd("without a terminal", known("none\n"), "sh", "-c", "if (: </dev/tty) 2>/dev/null; then echo tty; else echo none; fi"),
		cmd("that is not there", is(evidence.Absent), "sshwhy-no-such-program"),
		cmd("that is not there by path", is(evidence.Absent), dir+"/missing"),
		cmd("that is a builtin only", is(evidence.Absent), "set"),
		cmd("that may not be run", is(evidence.Denied), dir+"/noexec"),
		cmd("without its interpreter", is(evidence.Failed), broken),
		cmd("that is relative", is(evidence.Failed), "bin/true"),
		cmd("that is a directory", is(evidence.Absent), dir),
		{name: "command without name", item: evidence.Item{Kind: evidence.KindCommand}, want: is(evidence.Failed)},
	}
}

// endings are programs that do not end by themselves, or not well.
func endings(sleeper string) []testCase {
	late := evidence.Result{Status: evidence.Failed, Data: []byte("begun\n"), Exit: -1}
	cut := known(strings.Repeat("y\n", 5000))
	cut.Truncated, cut.Exit = true, -1
	cutErr := known("")
	cutErr.Stderr, cutErr.Truncated, cutErr.Exit = []byte(strings.Repeat("y\n", 5000)), true, -1
	return []testCase{
		{name: "command that crashes", item: evidence.Command("sh", "-c", "kill -SEGV $$").Within(patience), want: evidence.Result{Status: evidence.Known, Exit: -1}},
		{name: "command that hangs", item: evidence.Command("sh", "-c", "echo begun; sleep "+sleeper).Within(2 * time.Second), want: late},
		{name: "command that ignores signals", item: evidence.Command("sh", "-c", "trap '' TERM HUP INT; echo begun; sleep "+sleeper+"; sleep "+sleeper).Within(2 * time.Second), want: late},
		{name: "command that never stops", item: evidence.Command("yes").AtMost(10000).Within(patience), want: cut},
		{name: "command that never stops complaining", item: evidence.Command("sh", "-c", "exec yes >&2").AtMost(10000).Within(patience), want: cutErr},
		{name: "command that leaves a child", item: evidence.Command("sh", "-c", "sleep "+sleeper+" & echo left").Within(patience), want: known("left\n")},
	}
}

// noSleepers fails the test where a child of one of the commands still runs.
func noSleepers(t *testing.T, sleeper string) {
	var left []string
	for range 100 {
		left = nil
		procs, _ := filepath.Glob("/proc/[0-9]*/cmdline")
		for _, p := range procs {
			if line, _ := os.ReadFile(p); bytes.Contains(line, []byte("sleep\x00"+sleeper)) {
				left = append(left, p)
			}
		}
		if len(left) == 0 {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("still running: %v", left)
}

func socket(t *testing.T, dir string) string {
	t.Helper()
	path := dir + "/sock"
	l, err := net.Listen("unix", path)
	must(t, err)
	t.Cleanup(func() { l.Close() })
	must(t, os.Chmod(path, 0o600))
	must(t, os.Chtimes(path, then, then))
	return path
}
