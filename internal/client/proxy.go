package client

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"
)

const (
	// maxHops bounds how many jump hosts in a row are walked.
	maxHops = 8
	// proxyEnd is how long a proxy command that was hung up on may take to end.
	proxyEnd = time.Second
	// maxProxyText bounds what is kept of what it says.
	maxProxyText = 8192
)

// Proxy is a command that carries the connection instead of a socket.
type Proxy struct {
	Command string `json:"command"`
	Stderr  string `json:"stderr,omitempty"`
	Exit    int    `json:"exit"` // -1 while it ran, or if it could not be started
	Err     string `json:"err,omitempty"`
}

// Jump is a jump host on the way, and the walk to it.
type Jump struct {
	Hop  string        `json:"hop"`
	Walk *Observations `json:"walk"`
}

// indirect walks a connection that goes over a jump host or a proxy command. It
// reports whether the configuration asks for one.
func (w *walker) indirect(ctx context.Context) bool {
	c := &w.obs.Config
	if jump := c.Get("proxyjump"); jump != "" && jump != "none" {
		w.jump(ctx, jump)
		return true
	}
	if command := c.Get("proxycommand"); command != "" && command != "none" {
		w.through(ctx, command, shell(proxyTokens(command, c)))
		return true
	}
	return false
}

// shell runs a command line as ssh does: with the user's shell.
func shell(line string) []string {
	if runtime.GOOS == "windows" {
		return []string{"cmd.exe", "/c", line}
	}
	sh := os.Getenv("SHELL")
	if sh == "" {
		sh = "/bin/sh"
	}
	return []string{sh, "-c", "exec " + line}
}

// proxyTokens expands what ProxyCommand knows (ssh_config(5), TOKENS). The host
// was checked for shell characters before.
func proxyTokens(command string, c *Config) string {
	return strings.NewReplacer("%%", "%", "%h", c.Host(), "%p", strconv.Itoa(c.Port()), "%r", c.Get("user"), "%n", c.Get("host")).Replace(command)
}

// jump walks to the last jump host first (and through the ones before it, in
// turn), and then over it to the target, as ssh's own -J does with -W.
func (w *walker) jump(ctx context.Context, list string) {
	before, hop := "", list
	if i := strings.LastIndexByte(list, ','); i >= 0 {
		before, hop = list[:i], list[i+1:]
	}
	host, args := hopArgs(hop)
	eachOption(w.opt.Args, func(flag byte, value string) {
		if flag == 'F' {
			args = append(args, "-F", value)
		}
	})
	if before != "" {
		args = append(args, "-J", before)
	}
	j := &Jump{Hop: hop}
	w.obs.Jump = j
	opt := w.opt
	opt.Host, opt.Args, opt.hop = host, append([]string{"-N"}, args...), w.opt.hop+1
	if opt.hop > maxHops {
		j.Walk = &Observations{Typed: host, Config: Config{Fault: "there are more than " + strconv.Itoa(maxHops) + " jump hosts in a row"}}
		return
	}
	j.Walk = Walk(ctx, opt, w.progress)
	if l := j.Walk.Login; l == nil || !l.OK || ctx.Err() != nil {
		return
	}
	c := &w.obs.Config
	words := append([]string{c.Program}, args...)
	words = append(words, "-o", "BatchMode=yes", "-W", net.JoinHostPort(c.Host(), strconv.Itoa(c.Port())), "--", host)
	w.through(ctx, "ssh "+strings.Join(words[1:], " "), words)
}

// hopArgs takes [user@]host[:port] or ssh://… apart.
func hopArgs(hop string) (host string, args []string) {
	text := hop
	if !strings.HasPrefix(text, "ssh://") {
		text = "ssh://" + text
	}
	u, err := url.Parse(withoutBrackets(text))
	if err != nil || u.Hostname() == "" {
		return hop, nil
	}
	if name := u.User.Username(); name != "" {
		args = append(args, "-l", name)
	}
	if u.Port() != "" {
		args = append(args, "-p", u.Port())
	}
	return u.Hostname(), args
}

// withoutBrackets takes the brackets off an IPv4 address: ssh -G writes every
// address in them, and a URL may not have them around anything but IPv6.
func withoutBrackets(text string) string {
	before, rest, ok := strings.Cut(text, "[")
	inner, after, closed := strings.Cut(rest, "]")
	if !ok || !closed || strings.Contains(inner, ":") {
		return text
	}
	return before + inner + after
}

// through runs a command and walks on with what it carries.
func (w *walker) through(ctx context.Context, shown string, argv []string) {
	p := &Proxy{Command: shown, Exit: -1}
	w.obs.Proxy = p
	w.obs.Chosen = net.JoinHostPort(w.obs.Config.Host(), strconv.Itoa(w.obs.Config.Port())) + " through the proxy"
	near, far := net.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	ownGroup(cmd)
	var text head
	cmd.Stderr = &text
	cmd.WaitDelay = proxyEnd
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	err := errors.Join(err1, err2)
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		_, p.Err = errnoOf(err)
		return
	}
	go func() {
		_, _ = io.Copy(in, far)
		_ = in.Close()
	}()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(far, out)
		_ = far.Close()
		if err := cmd.Wait(); ctx.Err() == nil {
			p.Exit = cmd.ProcessState.ExitCode()
			p.Err = errOf(err)
		}
	}()
	w.talk(ctx, near)
	_ = near.Close()
	late := time.AfterFunc(proxyEnd, cancel)
	defer late.Stop()
	<-ended
	p.Stderr = text.String()
}

// errOf is the text of an error that is not just an exit status.
func errOf(err error) string {
	if err == nil || errors.As(err, new(*exec.ExitError)) {
		return ""
	}
	return err.Error()
}

// head keeps the beginning of what is written to it, from any goroutine.
type head struct {
	mu   sync.Mutex
	kept strings.Builder
}

func (h *head) Write(b []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.kept.Write(b[:min(len(b), max(0, maxProxyText-h.kept.Len()))])
	return len(b), nil
}

func (h *head) String() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.kept.String()
}
