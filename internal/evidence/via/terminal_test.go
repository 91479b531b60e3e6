//go:build linux

package via

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"sshwhy/internal/evidence"
)

// onTerminal tells the second run of the test that it has a terminal.
const onTerminal = "SSHWHY_TEST_ON_TERMINAL"

// The command can ask for a password on our terminal, and we have it back
// afterwards.
func TestTerminalIsLent(t *testing.T) {
	if os.Getenv(onTerminal) != "" {
		askOnTerminal(t)
		return
	}
	need(t, "script")
	cmd := exec.Command("script", "-qec", os.Args[0]+" -test.run=^TestTerminalIsLent$ -test.timeout=60s", "/dev/null")
	cmd.Env = append(os.Environ(), onTerminal+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	outR, outW := io.Pipe()
	cmd.Stdout, cmd.Stderr = outW, outW
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var shown bytes.Buffer
	done := make(chan struct{})
	go func() { // type when asked
		defer close(done)
		lines := bufio.NewReader(io.TeeReader(outR, &shown))
		for _, question := range []string{"Password?", "Again?"} {
			for {
				line, err := lines.ReadString('\n')
				if err != nil {
					return
				}
				if strings.Contains(line, question) {
					break
				}
			}
			_, _ = io.WriteString(in, "open\r")
		}
		_, _ = io.Copy(io.Discard, lines)
	}()
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait(); outW.Close() }()
	select {
	case err = <-ended:
	case <-time.After(90 * time.Second):
		_ = cmd.Process.Kill()
		err = <-ended
	}
	<-done
	if err != nil || !strings.Contains(shown.String(), "PASS") {
		t.Errorf("%v\n%s", err, shown.String())
	}
}

func askOnTerminal(t *testing.T) {
	const ask = `echo 'Password?' >/dev/tty; read -r x </dev/tty; [ "$x" = open ] || { echo "wrong: $x" >&2; exit 1; }; exec sh`
	item := evidence.Command("echo", "hello")
	b, err := Fill(t.Context(), Words(ask), wants(item), Options{Limit: 20 * time.Second})
	if err != nil || string(b.Get(item).Data) != "hello\n" {
		t.Fatalf("%v: %+v", err, b.Get(item))
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer tty.Close()
	_, _ = io.WriteString(tty, "Again?\n")
	if line, err := bufio.NewReader(tty).ReadString('\n'); err != nil || strings.TrimSpace(line) != "open" {
		t.Fatalf("read %q, %v", line, err)
	}
}
