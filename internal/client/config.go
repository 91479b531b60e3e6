package client

import (
	"bytes"
	"context"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"time"
)

const (
	// configLimit bounds `ssh -G`: a Match exec in a user's configuration runs
	// there and may hang.
	configLimit = 15 * time.Second
	// outputCap bounds what is kept of any program's output.
	outputCap = 1 << 20
)

// config asks ssh itself what connection its configuration and options amount
// to, so that Host, Match, Include and canonicalisation are ssh's own. It
// reports whether there is a host to walk to.
func (w *walker) config(ctx context.Context) bool {
	defer w.tell("config", "", configLimit)()
	c := &w.obs.Config
	if c.Fault = CheckHost(w.opt.Host); c.Fault != "" {
		return false
	}
	begin := time.Now()
	defer func() { c.Ms = ms(time.Since(begin)) }()

	c.Program = w.opt.SSH
	if c.Program == "" {
		c.Program, _ = exec.LookPath("ssh")
		c.Missing = c.Program == ""
	}
	if c.Program == "" || c.Program == "-" {
		c.Program = ""
		c.Values = withoutSSH(w.opt.Args, w.opt.Host)
		return true
	}
	args := append([]string{"-v", "-G"}, forDump(w.opt.Args)...)
	args = append(args, "--", w.opt.Host)
	c.Command = "ssh " + strings.Join(args[1:], " ")
	out, errs, err := run(ctx, configLimit, c.Program, args...)
	readDebug(c, errs)
	if err != nil {
		c.Failed = true
		if len(c.Stderr) == 0 {
			c.Stderr = []string{err.Error()}
		}
		return false
	}
	c.Values = readDump(out)
	c.Hosts = redirections(c.Applied)
	return c.Host() != ""
}

// readDump reads the output of `ssh -G`: "keyword value" lines, some keywords
// more than once.
func readDump(out string) map[string][]string {
	values := map[string][]string{}
	for line := range strings.Lines(out) {
		keyword, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if ok && keyword != "" {
			keyword = strings.ToLower(keyword)
			values[keyword] = append(values[keyword], value)
		}
	}
	return values
}

// readDebug sorts ssh's standard error: its version, the blocks it applied,
// and what it really had to say.
func readDebug(c *Config, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		rest, debug := strings.CutPrefix(line, "debug1: ")
		switch {
		case c.Version == "" && strings.HasPrefix(rest, "OpenSSH_"):
			c.Version = rest
		case !debug && strings.HasPrefix(line, "Pseudo-terminal"), line == "":
		case !debug && !strings.HasPrefix(line, "debug"):
			c.Stderr = append(c.Stderr, line)
		}
		if file, ok := strings.CutPrefix(line, "debug1: Reading configuration data "); ok {
			c.Applied = append(c.Applied, Applied{File: file})
		}
		// "debug1: FILE line N: Applying options for PATTERN" (readconf.c)
		if place, pattern, ok := strings.Cut(rest, ": Applying options for "); debug && ok {
			if i := strings.LastIndex(place, " line "); i >= 0 {
				n, _ := strconv.Atoi(place[i+len(" line "):])
				c.Applied = append(c.Applied, Applied{File: place[:i], Line: n, Text: pattern})
			}
		}
	}
}

// ssh's options, from the getopt string in ssh.c: those that take a value, and
// those that must not reach `ssh -G` because they write, wait or talk to
// another process.
const (
	withValue  = "BbcDEeFIiJLlmOoPpQRSWw"
	notForDump = "vqfMnEOGVy"
)

// forDump drops the options that have no place in `ssh -G`.
func forDump(args []string) []string {
	var out []string
	eachOption(args, func(flag byte, value string) {
		if strings.IndexByte(notForDump, flag) >= 0 {
			return
		}
		out = append(out, "-"+string(flag))
		if strings.IndexByte(withValue, flag) >= 0 {
			out = append(out, value)
		}
	})
	return out
}

// eachOption reads options as getopt does: clusters (-4A), values in the same
// word (-p22) or in the next.
func eachOption(args []string, each func(flag byte, value string)) {
	for i := 0; i < len(args); i++ {
		word := args[i]
		if len(word) < 2 || word[0] != '-' || word == "--" {
			continue
		}
		for j := 1; j < len(word); j++ {
			if strings.IndexByte(withValue, word[j]) < 0 {
				each(word[j], "")
				continue
			}
			value := word[j+1:]
			if value == "" && i+1 < len(args) {
				i++
				value = args[i]
			}
			each(word[j], value)
			break
		}
	}
}

// withoutSSH is the configuration where no ssh program is installed: what was
// typed and ssh's defaults. Configuration files are not read then.
func withoutSSH(args []string, typed string) map[string][]string {
	v := map[string][]string{
		"port": {"22"}, "addressfamily": {"any"}, "stricthostkeychecking": {"ask"},
		"userknownhostsfile":   {"~/.ssh/known_hosts ~/.ssh/known_hosts2"},
		"globalknownhostsfile": {"/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2"},
	}
	for _, name := range defaultIdentities {
		v["identityfile"] = append(v["identityfile"], "~/.ssh/"+name)
	}
	named := false
	if u, err := user.Current(); err == nil {
		v["user"] = []string{u.Username}
	}
	host := typed
	if u, err := url.Parse(typed); err == nil && u.Scheme == "ssh" {
		host = u.Host
		if u.Port() != "" {
			host, v["port"] = u.Hostname(), []string{u.Port()}
		}
		if u.User.Username() != "" {
			v["user"] = []string{u.User.Username()}
		}
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		v["user"], host = []string{host[:i]}, host[i+1:]
	}
	v["hostname"] = []string{host}
	set := map[string]bool{}
	eachOption(args, func(flag byte, value string) {
		switch flag {
		case '4':
			v["addressfamily"] = []string{"inet"}
		case '6':
			v["addressfamily"] = []string{"inet6"}
		case 'p':
			v["port"] = []string{value}
		case 'l':
			v["user"] = []string{value}
		case 'b':
			v["bindaddress"] = []string{value}
		case 'i':
			if !named {
				v["identityfile"], named = nil, true
			}
			v["identityfile"] = append(v["identityfile"], value)
		case 'o':
			keyword, val, ok := strings.Cut(value, "=")
			if !ok {
				keyword, val, _ = strings.Cut(value, " ")
			}
			keyword = strings.ToLower(strings.TrimSpace(keyword))
			if !set[keyword] { // the first value wins, as in ssh
				v[keyword], set[keyword] = []string{strings.TrimSpace(val)}, true
			}
		}
	})
	return v
}

// run runs a program without a shell, with a time limit and a cap on its
// output; its whole process group ends with it.
func run(ctx context.Context, limit time.Duration, program string, args ...string) (out, errs string, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	ownGroup(cmd)
	var stdout, stderr capped
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	cmd.WaitDelay = time.Second
	err = cmd.Run()
	return stdout.String(), stderr.String(), err
}

// capped is a buffer that forgets what exceeds outputCap.
type capped struct{ kept bytes.Buffer }

func (c *capped) Write(p []byte) (int, error) {
	if room := outputCap - c.kept.Len(); room > 0 {
		c.kept.Write(p[:min(room, len(p))])
	}
	return len(p), nil
}

func (c *capped) String() string { return c.kept.String() }
