//go:build linux

package proc

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func sh(script string) Command { return Command{Args: []string{"sh", "-c", script}} }

func TestRun(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	missing := file("missing", "#!/no/such/interpreter\n", 0o755)
	plain := file("plain", "#!/bin/sh\n", 0o644)
	with := func(c Command, f func(*Command)) Command { f(&c); return c }
	for name, c := range map[string]struct {
		command Command
		want    Result
	}{
		"both outputs":   {sh("echo a; echo b >&2; exit 3"), Result{Out: []byte("a\n"), Err: []byte("b\n"), Exit: 3, Ending: Exited}},
		"input":          {with(sh("cat"), func(c *Command) { c.Stdin = []byte("x") }), Result{Out: []byte("x"), Ending: Exited}},
		"unread input":   {with(sh("exit 0"), func(c *Command) { c.Stdin = make([]byte, 1<<20) }), Result{Ending: Exited}},
		"no input":       {sh("cat"), Result{Ending: Exited}},
		"directory":      {sh("pwd"), Result{Out: []byte("/\n"), Ending: Exited}},
		"environment":    {Command{Args: []string{"env"}, Env: []string{"A=b"}}, Result{Out: []byte("A=b\n"), Ending: Exited}},
		"signal":         {sh("kill -9 $$"), Result{Exit: -1, Ending: Signalled}},
		"time":           {with(sh("echo a; sleep 60"), func(c *Command) { c.Limit = 500 * time.Millisecond }), Result{Out: []byte("a\n"), Exit: -1, Ending: TimedOut}},
		"cap":            {with(sh("yes"), func(c *Command) { c.Cap = 4 }), Result{Out: []byte("y\ny\n"), Exit: -1, Ending: Overflowed, Truncated: true}},
		"lasting cap":    {with(sh("echo abcdef; exit 5"), func(c *Command) { c.Cap, c.Lasting = 2, true }), Result{Out: []byte("ab"), Exit: 5, Ending: Exited, Truncated: true}},
		"not found":      {Command{Args: []string{"no-such-program-here"}}, Result{Exit: -1, Ending: NotFound}},
		"no path":        {Command{Args: []string{"x"}, Path: "/no/such/file"}, Result{Exit: -1, Ending: NotFound}},
		"relative":       {Command{Args: []string{"./sh"}}, Result{Exit: -1, Ending: NotStarted}},
		"nothing":        {Command{}, Result{Exit: -1, Ending: NotStarted}},
		"not executable": {Command{Args: []string{plain}}, Result{Exit: -1, Ending: NotAllowed}},
		"interpreter":    {Command{Args: []string{missing}}, Result{Exit: -1, Ending: NoInterpreter}},
		"no directory":   {with(sh("true"), func(c *Command) { c.Dir = "/no/such" }), Result{Exit: -1, Ending: NotStarted}},
		"name and path":  {Command{Args: []string{"me", "-c", "echo $0"}, Path: "/bin/sh"}, Result{Out: []byte("me\n"), Ending: Exited}},
	} {
		got := Run(t.Context(), c.command)
		if (got.Why != nil) == (got.Ending >= Exited && got.Ending != Signalled) {
			t.Errorf("%s: why: %v", name, got.Why)
		}
		if !bytes.Equal(got.Out, c.want.Out) || !bytes.Equal(got.Err, c.want.Err) || got.Exit != c.want.Exit ||
			got.Ending != c.want.Ending || got.Truncated != c.want.Truncated || got.Stuck || got.Held {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

// Row 17 of the attacks: what PATH names first is not run.
func TestPathOfTheCallerIsNoMatter(t *testing.T) {
	evil := t.TempDir()
	if err := os.WriteFile(filepath.Join(evil, "id"), []byte("#!/bin/sh\necho evil\n"), 0o755); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", evil+":"+os.Getenv("PATH"))
	t.Setenv("LD_LIBRARY_PATH", evil)
	t.Setenv("ENV", evil+"/id")
	t.Chdir(evil)
	for _, c := range []Command{{Args: []string{"id"}}, sh("id"), sh("env")} {
		if r := Run(t.Context(), c); !r.OK() || bytes.Contains(r.Out, []byte("evil")) || bytes.Contains(r.Out, []byte(evil)) {
			t.Errorf("%q: %+v", c.Args, r)
		}
	}
}

func TestFind(t *testing.T) {
	if path, err := Find("sh"); err != nil || !strings.HasSuffix(path, "/sh") {
		t.Errorf("%q, %v", path, err)
	}
	if _, err := Find("no-such-program-here"); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

func TestAs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may run a program as another user")
	}
	c := sh("id -u; id -g; id -G; umask; ls /root")
	c.As = &Credential{UID: 65534, GID: 65533, Groups: []uint32{65532}}
	r := Run(t.Context(), c)
	if want := "65534\n65533\n65533 65532\n"; !strings.HasPrefix(string(r.Out), want) || r.Exit == 0 {
		t.Errorf("%+v, want %q and no look into /root", r, want)
	}
	c = Command{Args: []string{"me"}, Path: filepath.Join(t.TempDir(), "sh"), As: c.As} // below a directory of mode 0700
	if err := os.Symlink("/bin/sh", c.Path); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Dir(c.Path), 0o700); err != nil {
		t.Fatal(err)
	}
	if r := Run(t.Context(), c); r.Ending != NotAllowed {
		t.Errorf("%+v, want not allowed", r)
	}
}

func TestCancelled(t *testing.T) {
	before := runtime.NumGoroutine()
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(300*time.Millisecond, cancel)
	begin := time.Now()
	r := Run(ctx, sh("sleep 60 & sleep 60"))
	if took := time.Since(begin); r.Ending != Stopped || r.Exit != -1 || took > 15*time.Second {
		t.Errorf("%+v after %v", r, took)
	}
	if r := Run(ctx, sh("true")); r.Ending != Stopped {
		t.Errorf("with a context that is over: %+v", r)
	}
	for range 40 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Errorf("%d goroutines before, %d after", before, runtime.NumGoroutine())
}

// What a program leaves in its group is ended with it, unless it is Lasting.
func TestChildrenThatStay(t *testing.T) {
	for _, lasting := range []bool{false, true} {
		c := sh("sleep 60 >/dev/null 2>&1 & echo $!")
		c.Lasting = lasting
		r := Run(t.Context(), c)
		pid, err := strconv.Atoi(strings.TrimSpace(string(r.Out)))
		if err != nil || !r.OK() || r.Held {
			t.Fatalf("%+v", r)
		}
		if lives := alive(pid); lives != lasting {
			t.Errorf("lasting %v: the child lives: %v", lasting, lives)
		}
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// alive gives a killed process a moment to be gone. A zombie is not alive.
func alive(pid int) bool {
	for range 40 {
		stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return false
		}
		time.Sleep(10 * time.Millisecond)
	}
	return true
}

// A daemon that left the group is not ours to kill, but must not hold us up.
func TestEscapedChild(t *testing.T) {
	begin := time.Now()
	r := Run(t.Context(), sh("setsid sh -c 'echo $$; exec sleep 60' & sleep 0.3"))
	pid, err := strconv.Atoi(strings.TrimSpace(string(r.Out)))
	if err != nil {
		t.Fatalf("%+v", r)
	}
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	if took := time.Since(begin); !r.OK() || !r.Held || took > 15*time.Second {
		t.Errorf("%+v after %v, want a word about the open output", r, took)
	}
}

// What it writes between its start and its end comes at once.
func TestStart(t *testing.T) {
	in, feed := pipe(t)
	out, w := pipe(t)
	p, err := Start(Command{Args: []string{"cat"}, Group: OwnGroup}, Streams{In: in, Out: w})
	if err != nil {
		t.Fatal(err)
	}
	in.Close()
	w.Close()
	if _, err := io.WriteString(feed, "x"); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 8)
	if n, err := out.Read(buf); err != nil || string(buf[:n]) != "x" {
		t.Errorf("%q, %v", buf[:n], err)
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != p.PID() {
		t.Errorf("its group is %d, %v; it is %d", group, err, p.PID())
	}
	p.End()
	if exit, err := p.Wait(); exit != -1 || err != nil {
		t.Errorf("%d, %v", exit, err)
	}
	p.End() // its number may be another's now
	if err := p.Signal(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
}

func TestStartServesStreams(t *testing.T) {
	var out, errs bytes.Buffer
	p, err := Start(sh("cat; echo e >&2; exit 4"), Streams{In: strings.NewReader("x"), Out: &out, Err: &errs})
	if err != nil {
		t.Fatal(err)
	}
	if exit, err := p.Wait(); exit != 4 || err != nil || out.String() != "x" || errs.String() != "e\n" {
		t.Errorf("%d, %v, %q, %q", exit, err, &out, &errs)
	}
	if _, err := Start(Command{Args: []string{"no-such-program-here"}}, Streams{}); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// The end of one that is Beside must not be ours.
func TestBeside(t *testing.T) {
	c := sh("sleep 60")
	c.Group = Beside
	p, err := Start(c, Streams{})
	if err != nil {
		t.Fatal(err)
	}
	if group, err := syscall.Getpgid(p.PID()); err != nil || group != syscall.Getpgrp() {
		t.Errorf("its group is %d, %v", group, err)
	}
	p.End()
	if exit, err := p.Wait(); exit != -1 || err != nil {
		t.Errorf("%d, %v", exit, err)
	}
}

func pipe(t *testing.T) (r, w *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close(); w.Close() })
	return r, w
}
