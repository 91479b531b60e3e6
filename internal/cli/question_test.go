//go:build linux

package cli

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"

	"sshwhy/internal/remedy"
)

// person is somebody at a terminal: what the program prints can be waited for,
// and typed at.
type person struct {
	*testing.T
	term *os.File // the person's side
	line *os.File // the program's side
	seen chan string
	text string
}

func newPerson(t *testing.T) (*person, *questions) {
	t.Helper()
	term, line, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	p := &person{T: t, term: term, line: line, seen: make(chan string, 1000)}
	t.Cleanup(func() { line.Close(); term.Close() })
	go func() {
		defer close(p.seen)
		buf := make([]byte, 4096)
		for {
			n, err := term.Read(buf)
			if err != nil {
				return
			}
			p.seen <- string(buf[:n])
		}
	}()
	a := &app{Streams: Streams{In: line, Out: line, Err: line, Env: func(string) string { return "" }}}
	q := a.asker()
	if q == nil {
		t.Fatal("nobody can be asked at a terminal")
	}
	return p, q
}

// reads waits until the program has printed words since they were last read.
func (p *person) reads(words string) {
	p.Helper()
	for !strings.Contains(p.text, words) {
		select {
		case s := <-p.seen:
			p.text += s
		case <-time.After(10 * time.Second):
			p.Fatalf("no %q in %q", words, p.text)
		}
	}
	_, p.text, _ = strings.Cut(p.text, words)
}

func (p *person) types(keys string) {
	p.Helper()
	if _, err := io.WriteString(p.term, keys); err != nil {
		p.Fatal(err)
	}
}

// asked runs a question beside the person, who answers by do.
func asked[T any](t *testing.T, do func(), ask func() (T, error)) (T, error) {
	t.Helper()
	type result struct {
		v   T
		err error
	}
	done := make(chan result, 1)
	go func() {
		v, err := ask()
		done <- result{v, err}
	}()
	do()
	select {
	case r := <-done:
		return r.v, r.err
	case <-time.After(10 * time.Second):
		t.Fatal("the question does not end")
		panic("unreachable")
	}
}

func TestAnswers(t *testing.T) {
	step := &remedy.Step{Do: "systemctl start ssh.service"}
	for _, c := range []struct {
		keys string
		want remedy.Answer
	}{
		{"y\n", remedy.Yes}, {"YES\n", remedy.Yes}, {"n\n", remedy.No}, {"\n", remedy.No}, {"a\n", remedy.All}, {"q\n", remedy.Quit},
		{" y \r\n", remedy.Yes},
	} {
		p, q := newPerson(t)
		got, err := asked(t, func() { p.reads("Do it: systemctl start ssh.service? [y/N/a/q/?] "); p.types(c.keys) },
			func() (remedy.Answer, error) { return q.step(context.Background(), step) })
		if got != c.want || err != nil {
			t.Errorf("%q: %v %v, want %v", c.keys, got, err, c.want)
		}
	}
	p, q := newPerson(t)
	got, err := asked(t, func() {
		p.reads("[y/N/a/q/?] ")
		p.types("?\n")
		p.reads("end here")
		p.reads("[y/N/a/q/?] ")
		p.types("perhaps\n")
		p.reads("[y/N/a/q/?] ")
		p.types("y\n")
	}, func() (remedy.Answer, error) { return q.step(context.Background(), step) })
	if got != remedy.Yes || err != nil {
		t.Errorf("what is not understood: %v %v", got, err)
	}
}

// TestTypedAhead: what was typed before a question was on the screen is no
// answer to it, also where several lines were pasted at once.
func TestTypedAhead(t *testing.T) {
	p, q := newPerson(t)
	p.types("y\ny\n")
	p.reads("y\r\ny\r\n") // the terminal has taken them
	ask := func() (bool, error) { return q.agree(context.Background(), "Really?") }
	got, err := asked(t, func() { p.reads("Really? [y/N] "); p.types("n\ny\ny\n") }, ask)
	if got || err != nil {
		t.Errorf("typed before it was asked: %v %v", got, err)
	}
	got, err = asked(t, func() { p.reads("Really? [y/N] "); p.types("\n") }, ask)
	if got || err != nil {
		t.Errorf("pasted behind the answer before: %v %v", got, err)
	}
}

// TestNoAnswer: the end of the input and a signal end a question at once.
func TestNoAnswer(t *testing.T) {
	p, q := newPerson(t)
	_, err := asked(t, func() { p.reads("Really? [y/N] "); p.types("\x04") },
		func() (bool, error) { return q.agree(context.Background(), "Really?") })
	if !errors.Is(err, io.EOF) {
		t.Errorf("Ctrl-D: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	_, err = asked(t, func() { p.reads("Really? [y/N] "); p.types("y"); cancel() },
		func() (bool, error) { return q.agree(ctx, "Really?") })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a signal: %v", err)
	}
}

// TestWithoutEcho: what is typed while the time runs is not shown, and is not
// left for the shell.
func TestWithoutEcho(t *testing.T) {
	p, q := newPerson(t)
	restore := withoutEcho(q.in)
	p.types("sudo sshwhy keep\n")
	time.Sleep(50 * time.Millisecond)
	restore()
	p.types("seen\n")
	p.reads("seen\r\n")
	if strings.Contains(p.text, "keep") {
		t.Errorf("shown: %q", p.text)
	}
	got := make([]byte, 100)
	n, err := q.in.Read(got)
	if string(got[:n]) != "seen\n" || err != nil {
		t.Errorf("left for the shell: %q %v", got[:n], err)
	}
}
