//go:build linux

package via

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/evidencetest"
	"sshwhy/internal/evidence/local"
)

func through(command ...string) evidencetest.Fill {
	return func(ctx context.Context, m evidence.Manifest) (*evidence.Bundle, error) {
		return Fill(ctx, command, m, Options{Tool: "test"})
	}
}

func wants(items ...evidence.Item) evidence.Manifest {
	return func(*evidence.Bundle) []evidence.Item { return items }
}

// need skips the test where a program is not installed here.
func need(t *testing.T, program string) {
	t.Helper()
	if _, err := exec.LookPath(program); err != nil {
		t.Skipf("%s is not installed (apt-get install %s)", program, strings.TrimSuffix(program, "93"))
	}
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
			evidencetest.Run(t, through(shell...), except)
		})
	}
}

func TestUsers(t *testing.T) {
	for _, shell := range evidencetest.Shells() {
		t.Run(strings.Join(shell, " "), func(t *testing.T) {
			t.Parallel()
			need(t, shell[0])
			evidencetest.RunUsers(t, through(shell...), nil)
		})
	}
}

// What is dated over there is held against the clock over there: this one may differ,
// and a login may take long.
func TestClockOverThere(t *testing.T) {
	for what, want := range map[string]time.Time{
		"echo 1700000000": time.Unix(1700000000, 0).UTC(),
		"return 1":        {}, // no date: ours
	} {
		begin := time.Now().Add(-time.Second)
		shell := "{ echo 'date() { " + what + "; }'; cat; } | sh"
		b, err := Fill(t.Context(), []string{"sh", "-c", shell}, wants(evidence.File("/etc/hostname")), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if want.IsZero() && b.Taken.Before(begin) || !want.IsZero() && !b.Taken.Equal(want) {
			t.Errorf("with date %q over there, the look is dated %v", what, b.Taken)
		}
	}
}

// The ways people really use.
func TestConformanceThroughOtherCommands(t *testing.T) {
	t.Run("a line for the shell", func(t *testing.T) {
		t.Parallel()
		evidencetest.Run(t, through(Words("cd /tmp && PATH=/nowhere exec /bin/sh")...), nil)
	})
	t.Run("nsenter", func(t *testing.T) {
		t.Parallel()
		need(t, "nsenter")
		other := exec.CommandContext(t.Context(), "unshare", "-m", "sleep", "300")
		if err := other.Start(); err != nil {
			t.Skipf("no other namespace can be made here: %v", err)
		}
		defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
		time.Sleep(200 * time.Millisecond)
		enter := []string{"nsenter", "-t", strconv.Itoa(other.Process.Pid), "-m"}
		if out, err := exec.Command(enter[0], append(enter[1:], "true")...).CombinedOutput(); err != nil {
			t.Skipf("nsenter may not be used here: %v: %s", err, out)
		}
		evidencetest.Run(t, through(append(enter, "sh")...), nil)
	})
	t.Run("chroot", func(t *testing.T) {
		t.Parallel()
		need(t, "chroot")
		if os.Geteuid() != 0 {
			t.Skip("chroot needs root")
		}
		evidencetest.Run(t, through("chroot", "/", "sh"), nil)
	})
	t.Run("a greeting and noise", func(t *testing.T) {
		t.Parallel()
		evidencetest.Run(t, through("sh", "-c", "echo Welcome; echo '@abc b 0'; printf 'no newline'; echo warning >&2; exec sh"), nil)
	})
	t.Run("a terminal", func(t *testing.T) {
		t.Parallel()
		need(t, "script")
		evidencetest.Run(t, through("script", "-qec", "sh", "/dev/null"), evidencetest.Except{
			"command without a terminal": "that is the point",
		})
	})
	t.Run("an interactive shell on a terminal", func(t *testing.T) {
		t.Parallel()
		need(t, "script")
		evidencetest.Run(t, through("script", "-qec", "bash --norc -i", "/dev/null"), nil)
	})
}

func TestDenied(t *testing.T) {
	if evidencetest.AsNobody(t) {
		evidencetest.RunDenied(t, through("sh"))
		if _, err := exec.LookPath("busybox"); err == nil {
			evidencetest.RunDenied(t, through("busybox", "ash"))
		}
	}
}

// tools makes a machine with only the named programs of busybox, and gives the
// command that enters it.
func tools(t *testing.T, programs string) []string {
	t.Helper()
	need(t, "busybox")
	if os.Geteuid() != 0 {
		t.Skip("making a small machine needs root")
	}
	box, _ := exec.LookPath("busybox")
	root := t.TempDir()
	for _, dir := range []string{"bin", "etc", "dev"} {
		if err := os.Mkdir(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	libraries, _ := exec.Command("ldd", box).Output() // none for a static one
	for _, word := range strings.Fields(string(libraries)) {
		if strings.HasPrefix(word, "/") {
			install(t, word, root+word)
		}
	}
	install(t, box, root+"/bin/busybox")
	_ = os.WriteFile(root+"/dev/null", nil, 0o666) // good enough for a place to write to
	_ = os.WriteFile(root+"/etc/file", []byte("a\x00b\xff\n"), 0o4640)
	_ = os.Chmod(root+"/etc/file", 0o640|os.ModeSetuid)
	_ = os.Symlink("file", root+"/etc/link")
	for p := range strings.FieldsSeq("sh " + programs) {
		if err := os.Link(root+"/bin/busybox", root+"/bin/"+p); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"chroot", root, "/bin/sh"}
}

func install(t *testing.T, from, to string) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err == nil {
		err = os.MkdirAll(filepath.Dir(to), 0o755)
	}
	if err == nil {
		err = os.WriteFile(to, data, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// Machines that lack programs which every other one has: the answers are the
// same, but for what nobody can know there, and that is said.
func TestPoorMachines(t *testing.T) {
	file, link, glob := evidence.File("/etc/file"), evidence.File("/etc/link"), evidence.Glob("/etc/*")
	echo := evidence.Command("sh", "-c", "echo out; echo err >&2; exit 4")
	slow := evidence.Command("sleep", "60").Within(time.Second)
	for _, c := range []struct {
		name, programs string
		times          bool
	}{
		{"everything", "base64 stat head sleep setsid timeout readlink id ls od uuencode", true},
		{"without base64", "stat head sleep setsid timeout readlink id ls od uuencode", true},
		{"without base64 and uuencode", "stat head sleep setsid timeout readlink id ls od", true},
		{"without stat", "base64 head sleep setsid timeout readlink id ls", false},
		{"without timeout", "base64 stat head sleep setsid readlink id ls", true},
		{"without setsid", "base64 stat head sleep timeout readlink id ls", true},
		{"without head", "base64 stat dd sleep setsid timeout readlink id ls", true},
		{"with next to nothing", "od dd sleep ls readlink", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command := tools(t, c.programs)
			b, err := Fill(t.Context(), command, wants(file, link, glob, echo, slow), Options{})
			if err != nil {
				t.Fatal(err)
			}
			r := b.Get(file)
			if !r.OK() || string(r.Data) != "a\x00b\xff\n" {
				t.Errorf("file: %+v", r)
			}
			if m := r.Meta; m == nil || m.Type != "file" || m.Mode != 0o4640 || m.Size != 5 || (m.MTime != 0) != c.times || (r.Reason == "") != c.times {
				t.Errorf("metadata %+v, reason %q", m, r.Reason)
			}
			if r := b.Get(link); !r.OK() || r.Meta.Link != "file" || r.Meta.Type != "file" {
				t.Errorf("link: %+v", r)
			}
			if r := b.Get(glob); len(r.Matches) != 2 || r.Matches[1].Path != "/etc/link" || r.Matches[1].Meta.Link != "file" {
				t.Errorf("glob: %+v", r)
			}
			if r := b.Get(echo); !r.OK() || string(r.Data) != "out\n" || string(r.Stderr) != "err\n" || r.Exit != 4 {
				t.Errorf("command: %+v", r)
			}
			if r := b.Get(slow); r.Status != evidence.Failed || !strings.Contains(r.Reason, "time limit") {
				t.Errorf("slow command: %+v", r)
			}
		})
	}
	t.Run("without any encoder", func(t *testing.T) {
		_, err := Fill(t.Context(), tools(t, "stat head sleep"), wants(file), Options{})
		if err == nil || !strings.Contains(err.Error(), "base64") {
			t.Errorf("got %v", err)
		}
	})
}

// What the machine itself says is the same both ways.
func TestSameAsLocal(t *testing.T) {
	m := wants(
		evidence.File("/etc/passwd"), evidence.File("/etc/os-release"), evidence.Stat("/etc/shadow"), evidence.Stat("/"), evidence.Glob("/etc/pam.d/*"), evidence.Glob("/etc/s*/*"),
		evidence.Glob("/usr/lib/*/*.so.*"), evidence.Glob("/etc/systemd/system/*.wants/*"), evidence.File("/proc/sys/net/ipv4/ip_forward"),
		evidence.Command("uname", "-a"), evidence.Command("getent", "passwd"), evidence.Command("ls", "-la", "/usr/bin"), evidence.Command("id"),
		evidence.Command("stat", "/nonexistent"), evidence.Command("grep", "--nonsense"))
	want, err := local.Fill(t.Context(), m, local.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got, err := Fill(t.Context(), []string{"sh"}, m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	evidencetest.Same(t, want, got, nil)
	if got.UID != want.UID {
		t.Errorf("user %d, want %d", got.UID, want.UID)
	}
}

func TestWhatGivesNoShell(t *testing.T) {
	for _, c := range []struct {
		command []string
		want    string
		limit   time.Duration
	}{
		{[]string{"sh", "-c", "echo 'Error: No such container: web1' >&2; exit 1"}, "No such container: web1", 0},
		{[]string{"false"}, "without saying anything", 0},
		{[]string{"cat"}, "took longer than 1s", time.Second}, // it gives back what was sent: the echo is no answer
		{[]string{"sleep", "30"}, "took longer than 1s", time.Second},
		{[]string{"yes"}, "took longer than 1s", time.Second},
		{[]string{"head", "-c", "3000000", "/dev/zero"}, "without saying anything", 0},
		{[]string{"/no/such/program"}, "no such file", 0},
		{nil, "no command", 0},
		{[]string{"sh", "-c", "read -r a; read -r b; exec sh -c \"$b\""}, "ended before everything was looked at", 0},
	} {
		begin := time.Now()
		b, err := Fill(t.Context(), c.command, wants(evidence.File("/etc/passwd")), Options{Limit: c.limit})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %v, want …%s…", c.command, err, c.want)
		}
		if took := time.Since(begin); took > 30*time.Second {
			t.Errorf("%q took %v", c.command, took)
		}
		if b == nil || b.Get(evidence.File("/etc/passwd")).OK() {
			t.Errorf("%q: %+v", c.command, b)
		}
	}
}

// When the connection breaks, what came stays, and what did not is not "absent".
func TestBrokenInTheMiddle(t *testing.T) {
	before := runtime.NumGoroutine()
	pid := filepath.Join(t.TempDir(), "pid")
	items := []evidence.Item{evidence.File("/etc/passwd"), evidence.Command("sh", "-c", "kill -9 $(cat "+pid+")"), evidence.File("/etc/group")}
	b, err := Fill(t.Context(), Words("echo $$ >"+pid+"; exec sh"), wants(items...), Options{})
	if err == nil || !strings.Contains(err.Error(), "ended before everything was looked at") {
		t.Errorf("got %v", err)
	}
	if !b.Get(items[0]).OK() {
		t.Errorf("the first is lost: %+v", b.Get(items[0]))
	}
	if r := b.Get(items[2]); r.Status != evidence.Failed || r.Reason == "" {
		t.Errorf("the last is %+v", r)
	}
	for range 40 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// A daemon that a command leaves in a session of its own keeps the output open;
// it is not ours to kill, but must not hold up the rest. What the command wrote
// is lost then, and that is said.
func TestEscapedChildDoesNotHoldUp(t *testing.T) {
	need(t, "timeout")
	pid := filepath.Join(t.TempDir(), "pid")
	daemon := evidence.Command("sh", "-c", "setsid sh -c 'echo $$ >"+pid+"; exec sleep 60' & sleep 0.3; echo left; echo it >&2").Within(2 * time.Second)
	after := evidence.File("/etc/passwd")
	begin := time.Now()
	b, err := Fill(t.Context(), []string{"sh"}, wants(daemon, after), Options{})
	if n, perr := os.ReadFile(pid); perr == nil {
		_ = exec.Command("kill", strings.TrimSpace(string(n))).Run()
	}
	if took := time.Since(begin); err != nil || took > 25*time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if r := b.Get(daemon); r.Status != evidence.Failed || !strings.Contains(r.Reason, "kept its output open") {
		t.Errorf("the daemon's parent: %+v", r)
	}
	if r := b.Get(after); !r.OK() {
		t.Errorf("what comes after: %+v", r)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	begin := time.Now()
	_, err := Fill(ctx, []string{"sh"}, wants(evidence.Command("sleep", "60").Within(time.Minute)), Options{})
	if took := time.Since(begin); !errors.Is(err, context.Canceled) || took > 15*time.Second {
		t.Errorf("%v after %v", err, took)
	}
}
