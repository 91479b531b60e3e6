//go:build linux

package script

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/evidencetest"
	"sshwhy/internal/evidence/local"
)

func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed (apt-get install %s)", program, strings.TrimSuffix(program, "93"))
	}
}

func written(t testing.TB, plan Plan, opt Options) string {
	t.Helper()
	var text strings.Builder
	if err := Write(&text, plan, opt); err != nil {
		t.Fatal(err)
	}
	return text.String()
}

// pasting fills a bundle as a person does it: write the script for what is
// missing, let carry bring it to a shell and the output back, and parse that.
func pasting(carry func(ctx context.Context, script string) ([]byte, error)) evidencetest.Fill {
	return func(ctx context.Context, m evidence.Manifest) (*evidence.Bundle, error) {
		b := evidence.NewBundle()
		err := m.Rounds(b, func(round []evidence.Item) error {
			var text strings.Builder
			if err := Write(&text, Plan{Items: round}, Options{Tool: "1.0", Most: 2 * evidence.DefaultCap}); err != nil {
				return err
			}
			out, err := carry(ctx, text.String())
			if err != nil {
				return err
			}
			got, err := Parse(bytes.NewReader(out))
			if err != nil {
				return fmt.Errorf("%w; the output ends\n%q", err, out[max(0, len(out)-2000):])
			}
			b.Tool, b.Way, b.Taken, b.UID = got.Tool, got.Way, got.Taken, got.UID
			for _, key := range got.Keys() {
				b.PutKey(key, got.Lookup(key))
			}
			return nil
		})
		return b, err
	}
}

// typedInto gives the script to a shell on its standard input.
func typedInto(command ...string) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, script string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, command[0], command[1:]...)
		cmd.Stdin = strings.NewReader(script)
		cmd.WaitDelay = time.Second
		out, err := cmd.Output()
		return out, err
	}
}

// body is the script without the quotes that hand it to sh: what sh gets to read.
func body(script string) string {
	_, script, _ = strings.Cut(script, "\n")
	return strings.TrimSuffix(script, "SSHWHY\n")
}

func TestConformance(t *testing.T) {
	for _, shell := range evidencetest.Shells() {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			t.Parallel()
			need(t, shell[0])
			except := evidencetest.Except{}
			if shell[0] == "ksh93" {
				except["command that never stops"] = "pipes of ksh93 are sockets: a program says more before it ends"
			}
			carry := typedInto(shell...)
			evidencetest.Run(t, pasting(func(ctx context.Context, script string) ([]byte, error) { return carry(ctx, body(script)) }), except)
		})
	}
	t.Run("as it is pasted", func(t *testing.T) {
		t.Parallel()
		evidencetest.Run(t, pasting(typedInto("sh")), nil)
	})
}

func TestUsers(t *testing.T) {
	for _, shell := range evidencetest.Shells() {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			t.Parallel()
			need(t, shell[0])
			carry := typedInto(shell...)
			evidencetest.RunUsers(t, pasting(func(ctx context.Context, script string) ([]byte, error) { return carry(ctx, body(script)) }), nil)
		})
	}
}

func TestDenied(t *testing.T) {
	if evidencetest.AsNobody(t) {
		evidencetest.RunDenied(t, pasting(typedInto("sh")))
	}
}

// onConsole types the script into an interactive shell on a real terminal of 80
// columns, and gives everything that the terminal showed: the echo, the prompts,
// carriage returns.
func onConsole(shell string) func(context.Context, string) ([]byte, error) {
	return func(ctx context.Context, script string) ([]byte, error) {
		cmd := exec.CommandContext(ctx, "script", "-qec", "stty rows 24 cols 80; exec "+shell, "/dev/null")
		cmd.Env = append(os.Environ(), "PS1=root@web1:~# ", "TERM=vt220", "LC_ALL=C")
		in, err := cmd.StdinPipe()
		if err != nil {
			return nil, err
		}
		var out bytes.Buffer
		cmd.Stdout = &out
		cmd.WaitDelay = time.Second
		if err := cmd.Start(); err != nil {
			return nil, err
		}
		time.Sleep(300 * time.Millisecond) // nobody types before the prompt is there
		for line := range strings.Lines(script) {
			if _, err := io.WriteString(in, strings.TrimSuffix(line, "\n")+"\r"); err != nil {
				return nil, err
			}
			time.Sleep(time.Millisecond) // a serial line is no faster
		}
		_, _ = io.WriteString(in, "exit\r")
		defer in.Close()
		err = cmd.Wait()
		return out.Bytes(), err
	}
}

func TestConformanceOnAConsole(t *testing.T) {
	need(t, "script")
	for _, shell := range []string{"bash --norc --noprofile -i", "dash -i", "busybox ash -i"} {
		t.Run(shell, func(t *testing.T) {
			t.Parallel()
			need(t, strings.Fields(shell)[0])
			evidencetest.Run(t, pasting(onConsole(shell)), nil)
		})
	}
}

// A terminal's screen, as it is copied with the mouse: 80 columns, and nothing
// but what is shown.
func TestCopiedFromAScreen(t *testing.T) {
	need(t, "tmux")
	items := []evidence.Item{evidence.File("/etc/passwd"), evidence.Stat("/etc/shadow"), evidence.Glob("/etc/pam.d/*"), evidence.Command("ls", "-la", "/usr/bin"), evidence.File("/etc/services")}
	m := evidence.Manifest(func(*evidence.Bundle) []evidence.Item { return items })
	want, err := local.Fill(t.Context(), m, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, columns := range []string{"80", "50"} {
		dir := t.TempDir()
		socket := filepath.Join(dir, "tmux")
		tmux := func(args ...string) string {
			out, err := exec.Command("tmux", append([]string{"-S", socket, "-f", "/dev/null"}, args...)...).CombinedOutput()
			if err != nil {
				t.Fatalf("tmux %q: %v: %s", args, err, out)
			}
			return string(out)
		}
		path := filepath.Join(dir, "script")
		if err := os.WriteFile(path, []byte(written(t, Plan{Items: items}, Options{})), 0o600); err != nil {
			t.Fatal(err)
		}
		tmux("new-session", "-d", "-s", "x", "-x", columns, "-y", "24", "dash -i")
		defer exec.Command("tmux", "-S", socket, "kill-server").Run()
		tmux("set-option", "-g", "history-limit", "50000", ";", "new-window", "dash -i")
		tmux("load-buffer", path, ";", "paste-buffer")
		var screen string
		for range 150 {
			time.Sleep(100 * time.Millisecond)
			if screen = tmux("capture-pane", "-p", "-S", "-"); endOnScreen.MatchString(screen) {
				break
			}
		}
		got, err := Parse(strings.NewReader(screen))
		if err != nil {
			t.Fatalf("%s columns: %v in\n%.3000s", columns, err, screen)
		}
		evidencetest.Same(t, want, got, nil)
	}
}

var endOnScreen = regexp.MustCompile(`(?m)^=sshwhy= end \d+$`)

// Everything that a copy can suffer: the items that were hit are Failed, the
// others are as they were.
func TestDamagedCopies(t *testing.T) {
	items := []evidence.Item{evidence.File("/etc/passwd"), evidence.File("/etc/protocols"), evidence.Stat("/"), evidence.Command("ls", "/etc")}
	out, err := typedInto("sh")(t.Context(), written(t, Plan{Items: items}, Options{Tool: "1.2"}))
	if err != nil {
		t.Fatal(err)
	}
	whole, err := Parse(bytes.NewReader(out))
	if err != nil || whole.Tool != "1.2" || whole.UID != os.Geteuid() || whole.Way != "script" || time.Since(whole.Taken) > time.Hour {
		t.Fatalf("%+v, %v", whole, err)
	}
	lines := strings.Split(strings.TrimSuffix(string(out), "\n"), "\n")
	for _, l := range lines {
		if len(l) > 79 {
			t.Errorf("%d columns: %q", len(l), l)
		}
	}
	for i, lost := range lines {
		for how, text := range map[string]string{
			"lost":    strings.Join(slices.Concat(lines[:i], lines[i+1:]), "\n"),
			"cut":     strings.Join(slices.Concat(lines[:i], []string{lost[:len(lost)*2/3]}, lines[i+1:]), "\n"),
			"written": strings.Join(slices.Concat(lines[:i], []string{lost[:len(lost)/2] + "[ 12.3] eth0: up" + lost[len(lost)/2:]}, lines[i+1:]), "\n"),
			"changed": strings.Join(slices.Concat(lines[:i], []string{strings.Map(func(r rune) rune {
				if r == 'A' {
					return 'B'
				}
				return r
			}, lost)}, lines[i+1:]), "\n"),
		} {
			b, err := Parse(strings.NewReader(text))
			if err != nil {
				continue // said so
			}
			bad := 0
			for _, key := range whole.Keys() {
				r := b.Lookup(key)
				if r.Status == evidence.Failed && r.Reason != "" {
					bad++
					continue
				}
				if w := whole.Lookup(key); r.Status != w.Status || !bytes.Equal(r.Data, w.Data) {
					t.Errorf("line %d %s: %s became %s %.60q", i, how, key, r.Status, r.Data)
				}
			}
			if bad > 1 {
				t.Errorf("line %d %s: %d items are lost, not one", i, how, bad)
			}
		}
	}
	for n := range lines {
		if b, err := Parse(strings.NewReader(strings.Join(lines[:n], "\n"))); err == nil {
			t.Fatalf("only %d lines of %d, and nothing said: %v", n, len(lines), b.Keys())
		}
	}
}

func TestSurroundings(t *testing.T) {
	items := []evidence.Item{evidence.File("/etc/passwd"), evidence.Command("echo", `a\tb`), evidence.File("/no/such\nfile")}
	script := written(t, Plan{Items: items}, Options{})
	out, err := typedInto("sh")(t.Context(), script)
	if err != nil {
		t.Fatal(err)
	}
	echoed := "root@web1:~# " + strings.ReplaceAll(script, "\n", "\r\n> ")
	for name, text := range map[string]string{
		"plain":          string(out),
		"with the echo":  echoed + string(out) + "root@web1:~# ",
		"with CR LF":     strings.ReplaceAll(echoed+string(out), "\n", "\r\n"),
		"with prompts":   "$ " + strings.ReplaceAll(string(out), "\n", "\n$ "),
		"with colours":   "\x1b[01;32mroot\x1b[0m# " + strings.ReplaceAll(string(out), "\n", "\x1b[K\n"),
		"with blanks":    strings.ReplaceAll(string(out), "\n", "   \n"),
		"twice":          string(out) + string(out),
		"one before":     "=sshwhy= begin 1 aaaaaaaaaaaa\n=sshwhy= with b cat 0 1\n=1.1= YWE=\n" + string(out),
		"one cut behind": string(out) + "\n=sshwhy= begin 1 aaaaaaaaaaaa\n=sshwhy= with b cat 0 1\n=1.1= YWE=\n",
		"wrapped at 40":  wrap(string(out), 40),
		"in a mail":      "Hello,\n\nhere it is:\n\n" + strings.ReplaceAll(string(out), "\n", "\n> ") + "\n-- \nBob\n",
	} {
		b, err := Parse(strings.NewReader(text))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if r := b.Get(items[0]); !r.OK() || !bytes.HasPrefix(r.Data, []byte("root:")) {
			t.Errorf("%s: %+v", name, r)
		}
		if r := b.Get(items[1]); string(r.Data) != "a\\tb\n" {
			t.Errorf("%s: %+v", name, r)
		}
		if r := b.Get(items[2]); r.Status != evidence.Absent {
			t.Errorf("%s: %+v", name, r)
		}
	}
	for text, want := range map[string]error{"": ErrForeign, "hello": ErrForeign, echoed: ErrForeign, string(out[:len(out)/2]): ErrCut} {
		if b, err := Parse(strings.NewReader(text)); err != want || b != nil {
			t.Errorf("%.40q: %v, want %v", text, err, want)
		}
	}
}

func wrap(text string, columns int) string {
	var out strings.Builder
	for line := range strings.Lines(text) {
		for len(line) > columns+1 {
			out.WriteString(line[:columns] + "\n")
			line = line[columns:]
		}
		out.WriteString(line)
	}
	return out.String()
}

func TestFilesAndProcesses(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.conf", "b c.conf", "d.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("in "+name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	sleeper := exec.Command("sleep", "60")
	if err := sleeper.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sleeper.Process.Kill(); _ = sleeper.Wait() }()
	time.Sleep(100 * time.Millisecond)
	out, err := typedInto("sh")(t.Context(), written(t, Plan{
		Files: []string{dir + "/*.conf", dir + "/none/*"}, Processes: []string{"sleep", "no;such"},
		PerProcess: []evidence.Item{evidence.File("cmdline"), evidence.Stat("exe"), evidence.File("../x")},
	}, Options{}))
	if err != nil {
		t.Fatal(err)
	}
	b, err := Parse(bytes.NewReader(out))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.conf", "b c.conf"} {
		if r := b.Get(evidence.File(dir + "/" + name)); string(r.Data) != "in "+name {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := b.Get(evidence.File(fmt.Sprintf("/proc/%d/cmdline", sleeper.Process.Pid))); string(r.Data) != "sleep\x0060\x00" {
		t.Errorf("the process: %+v", r)
	}
	if r := b.Get(evidence.Stat(fmt.Sprintf("/proc/%d/exe", sleeper.Process.Pid))); !r.OK() || !strings.HasSuffix(r.Meta.Link, "sleep") {
		t.Errorf("its program: %+v", r)
	}
	if b.HasKey("file:" + dir + "/d.txt") {
		t.Error("what does not match is there")
	}
}

func TestForesee(t *testing.T) {
	glob := evidence.Glob("/etc/x.d/*.conf")
	m := evidence.Manifest(func(b *evidence.Bundle) []evidence.Item {
		items := []evidence.Item{evidence.File("/first"), glob, evidence.File("/proc/1/comm")}
		if b.Get(items[0]).OK() {
			items = append(items, evidence.File("/second"), evidence.File("/proc/12/status").AtMost(9), evidence.Stat("/proc/345/exe"), evidence.File("/proc/345/status"))
		}
		for _, match := range b.Get(glob).Matches {
			items = append(items, evidence.File(match.Path))
		}
		return items
	})
	machine := evidence.NewBundle()
	machine.Put(evidence.File("/first"), evidence.Result{Status: evidence.Known})
	machine.Put(glob, evidence.Result{Status: evidence.Known, Matches: []evidence.Match{{Path: "/etc/x.d/a.conf"}, {Path: "/etc/x.d/b.conf"}}})
	first := []evidence.Item{evidence.File("/first"), glob, evidence.File("/proc/1/comm")}
	if diff := cmp.Diff(Plan{Items: first}, Foresee(m)); diff != "" {
		t.Error(diff)
	}
	want := Plan{
		Items: append(slices.Clone(first), evidence.File("/second")), Files: []string{glob.Path},
		PerProcess: []evidence.Item{evidence.File("status").AtMost(9), evidence.Stat("exe")},
	}
	if diff := cmp.Diff(want, Foresee(m, machine, machine)); diff != "" {
		t.Error(diff)
	}
}

// A paste is short: what a person copies to a slow console.
func TestScriptIsShort(t *testing.T) {
	script := written(t, Plan{Items: []evidence.Item{evidence.File("/etc/ssh/sshd_config")}}, Options{})
	if len(script) > 6000 {
		t.Errorf("%d bytes", len(script))
	}
	for line := range strings.Lines(script) {
		if len(line) > 240 {
			t.Errorf("a line of %d", len(line))
		}
	}
	t.Logf("%d bytes without items", len(script))
}

func TestCksum(t *testing.T) {
	for _, text := range []string{"", "a\n", strings.Repeat("sshwhy\n", 1000)} {
		cmd := exec.Command("cksum")
		cmd.Stdin = strings.NewReader(text)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Fields(string(out))[0]; fmt.Sprint(cksum(text)) != want {
			t.Errorf("%.10q: %d, want %s", text, cksum(text), want)
		}
	}
}

func FuzzParse(f *testing.F) {
	out, err := typedInto("sh")(context.Background(), written(f, Plan{Items: []evidence.Item{evidence.File("/etc/hostname"), evidence.Command("echo", "x"), evidence.Glob("/etc/pam.d/*")}}, Options{nonce: "abcdefabcdef"}))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(out)
	f.Add(out[:len(out)/2])
	f.Add([]byte("=sshwhy= begin 1 aaaaaaaaaaaa\n=sshwhy= with b cat 0 1\n=1.1= MApmaWxlOi94AApAYWFhYWFhYWFhYWFhIHMgYQoKQGFhYWFhYWFhYWFhYSAuCg==\n=1.= 1 -\n=sshwhy= end 1\n"))
	f.Add([]byte("=sshwhy= begin 1 aaaaaaaaaaaa\n=sshwhy= with h gzip 0 1\n=999999.9999999= 00\n=sshwhy= end 999999\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		b, err := Parse(bytes.NewReader(text))
		if (b == nil) == (err == nil) {
			t.Fatal("neither a bundle nor an error")
		}
		if b == nil {
			return
		}
		for _, key := range b.Keys() {
			if r := b.Lookup(key); r.Status != evidence.Known && r.Reason == "" {
				t.Errorf("%s is %s without a reason", key, r.Status)
			}
		}
	})
}

// A paste of one megabyte that would unpack to a gigabyte takes a bounded amount
// of memory, and what was left out says so (row 18 of the attacks).
func TestPasteThatUnpacksTooFar(t *testing.T) {
	zipped := func(data []byte) string {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		_, _ = z.Write(data)
		_ = z.Close()
		return base64.StdEncoding.EncodeToString(b.Bytes())
	}
	var text strings.Builder
	block := func(n int, packed string) {
		lines := 0
		for ; packed != ""; lines++ {
			cut := min(60, len(packed))
			fmt.Fprintf(&text, "=%d.%d= %s\n", n, lines+1, packed[:cut])
			packed = packed[cut:]
		}
		fmt.Fprintf(&text, "=%d.= %d -\n", n, lines)
	}
	const blocks = 64
	bomb := zipped(append([]byte("99999999\nfile:/x\x00"), make([]byte, maxBlock-100)...))
	index := "1.0\n"
	for n := 1; n <= blocks; n++ {
		index += fmt.Sprintf("%d file:/x%d\n", n, n)
	}
	text.WriteString("=sshwhy= begin 1 aaaaaaaaaaaa\n=sshwhy= with b gzip 0 1\n")
	block(0, zipped([]byte(index)))
	for n := 1; n <= blocks; n++ {
		block(n, bomb)
	}
	fmt.Fprintf(&text, "=sshwhy= end %d\n", blocks)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	b, err := Parse(strings.NewReader(text.String()))
	runtime.ReadMemStats(&after)
	if err != nil {
		t.Fatal(err)
	}
	if grown := (after.Sys - before.Sys) >> 20; grown > 400 {
		t.Errorf("%d kB of text took %d MB of memory", text.Len()>>10, grown)
	}
	if r := b.Lookup(fmt.Sprintf("file:/x%d", blocks)); r.Status != evidence.Failed || !strings.Contains(r.Reason, "more than 64 MB") {
		t.Errorf("the last item is %s: %s", r.Status, r.Reason)
	}
	t.Logf("%d kB of text, %d MB of memory", text.Len()>>10, (after.Sys-before.Sys)>>20)
}

// An output of nothing but tiny lines is given up, too.
func TestPasteOfTooManyLines(t *testing.T) {
	var text strings.Builder
	text.WriteString("=sshwhy= begin 1 aaaaaaaaaaaa\n")
	for n := range maxLines + 2 {
		fmt.Fprintf(&text, "=1.%d= A\n", n)
	}
	if _, err := Parse(strings.NewReader(text.String())); err != ErrTooBig {
		t.Errorf("%v, want %v", err, ErrTooBig)
	}
}
