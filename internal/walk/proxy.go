package walk

import (
	"context"
	"io"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/proc"
	"sshwhy/internal/shquote"
)

const (
	// maxHops bounds how many jump hosts in a row are walked.
	maxHops = 8
	// proxyEnd is how long a proxy command that was hung up on may take to end.
	proxyEnd = time.Second
	// maxProxyText bounds what is kept of what it says.
	maxProxyText = 8192
)

// indirect walks a connection that goes over a jump host or a proxy command. It
// reports whether the configuration asks for one.
func (w *walker) indirect(ctx context.Context) bool {
	c := &w.obs.Config
	if jump := c.Get("proxyjump"); jump != "" && jump != "none" {
		w.jump(ctx, jump)
		return true
	}
	if command := c.Get("proxycommand"); command != "" && command != "none" {
		w.proxy(ctx, command, shell(proxyTokens(command, c)))
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
func proxyTokens(command string, c *client.Config) string {
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
	client.EachOption(w.opt.Args, func(flag byte, value string) {
		if flag == 'F' {
			args = append(args, "-F", value)
		}
	})
	if before != "" {
		args = append(args, "-J", before)
	}
	j := &client.Jump{Hop: hop}
	w.obs.Jump = j
	opt := w.opt
	opt.Host, opt.Args, opt.hops = host, append([]string{"-N"}, args...), w.opt.hops+1
	if opt.hops > maxHops {
		j.Walk = &client.Observations{Typed: host, Config: client.Config{Fault: "there are more than " + strconv.Itoa(maxHops) + " jump hosts in a row"}}
		return
	}
	j.Walk = Walk(ctx, opt, w.progress)
	if l := j.Walk.Login; l == nil || !l.OK || ctx.Err() != nil {
		return
	}
	c := &w.obs.Config
	record, forget := passingRecord(j.Walk.HostKey)
	defer forget()
	words := append([]string{c.Program}, args...)
	for _, option := range append([]string{"BatchMode=yes", "PermitLocalCommand=no"}, record...) {
		words = append(words, "-o", option)
	}
	words = append(words, "-W", net.JoinHostPort(c.Host(), strconv.Itoa(c.Port())), "--", host)
	w.proxy(ctx, shquote.Join(append([]string{"ssh"}, words[1:]...)), words)
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

// proxy runs a command and walks on with what it carries.
func (w *walker) proxy(ctx context.Context, shown string, argv []string) {
	p := &client.Proxy{Command: shown, Exit: -1}
	w.obs.Proxy = p
	w.obs.Chosen = net.JoinHostPort(w.obs.Config.Host(), strconv.Itoa(w.obs.Config.Port())) + " through the proxy"
	command, pipes, err := startProxy(argv)
	if err != nil {
		_, p.Err = errnoOf(err)
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	context.AfterFunc(ctx, func() {
		command.End()
		pipes.Close() // ends our readers, whoever else holds the other end
	})
	near, far := net.Pipe()
	go func() {
		_, _ = io.Copy(pipes.In, far)
		_ = pipes.In.Close()
	}()
	said := make(chan string)
	go func() { said <- head(pipes.Err) }()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(far, pipes.Out)
		_ = far.Close()
		exit, err := command.Wait()
		if ctx.Err() != nil {
			return // ended by us
		}
		p.Exit = exit
		if err != nil {
			p.Err = err.Error()
		}
	}()
	w.talk(ctx, near)
	_ = near.Close()
	late := time.AfterFunc(proxyEnd, cancel)
	defer late.Stop()
	<-ended
	select {
	case p.Stderr = <-said:
	case <-time.After(proxyEnd): // what it left running holds it
		cancel()
		p.Stderr = <-said
	}
}

// startProxy starts the command as ssh would. What it leaves running when it
// ends (a ControlPersist master) is the user's business.
func startProxy(argv []string) (*proc.Process, *proc.Pipes, error) {
	path, err := proc.UserFind(argv[0])
	if err != nil {
		return nil, nil, err
	}
	return proc.Piped(proc.AsUser(proc.Command{Args: argv, Path: path, Group: proc.OwnGroup, Lasting: true}))
}

// head is the beginning of what comes, which is read to its end.
func head(r io.Reader) string {
	kept, _ := io.ReadAll(io.LimitReader(r, maxProxyText)) // an error is the end of the pipe
	_, _ = io.Copy(io.Discard, r)
	return string(kept)
}
