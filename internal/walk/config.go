package walk

import (
	"context"
	"net/url"
	"os/user"
	"strconv"
	"strings"
	"time"

	"sshwhy/internal/client"
	"sshwhy/internal/proc"
	"sshwhy/internal/shquote"
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
	defer w.report("config", "", configLimit)()
	c := &w.obs.Config
	if c.Fault = client.CheckHost(w.opt.Host); c.Fault != "" {
		return false
	}
	begin := time.Now()
	defer func() { c.Ms = ms(time.Since(begin)) }()

	c.Program = w.opt.SSH
	if c.Program == "" {
		c.Program, _ = proc.UserFind("ssh")
		c.Missing = c.Program == ""
	}
	if c.Program == "" || c.Program == "-" {
		c.Program = ""
		c.Values = withoutSSH(w.opt.Args, w.opt.Host, configFiles(w.opt.Args)...)
		return true
	}
	args := append([]string{"-v", "-G"}, forDump(w.opt.Args)...)
	args = append(args, "--", w.opt.Host)
	c.Command = shquote.Join(append([]string{"ssh"}, args[1:]...))
	r := run(ctx, configLimit, c.Program, args...)
	readDebug(c, string(r.Err))
	switch {
	case r.Ending == proc.Stopped:
		return false // by the user
	case !r.OK():
		c.Failed, c.Hung = true, r.Ending == proc.TimedOut
		if len(c.Stderr) == 0 {
			c.Stderr = []string{r.Failure().Error()}
		}
		return false
	}
	c.Values = readDump(string(r.Out))
	c.Hosts = redirections(c.Applied)
	c.Policy = policyLines(c)
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
func readDebug(c *client.Config, text string) {
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
			c.Applied = append(c.Applied, client.Applied{File: file})
		}
		// "debug1: FILE line N: Applying options for PATTERN" (readconf.c)
		if place, pattern, ok := strings.Cut(rest, ": Applying options for "); debug && ok {
			if i := strings.LastIndex(place, " line "); i >= 0 {
				n, _ := strconv.Atoi(place[i+len(" line "):])
				c.Applied = append(c.Applied, client.Applied{File: place[:i], Line: n, Text: pattern})
			}
		}
	}
}

// notForDump are the options of ssh that must not reach `ssh -G`, because they write,
// wait or talk to another process.
const notForDump = "vqfMnEOGVy"

// forDump drops the options that have no place in `ssh -G`.
func forDump(args []string) []string {
	var out []string
	client.EachOption(args, func(flag byte, value string) {
		if strings.IndexByte(notForDump, flag) >= 0 {
			return
		}
		out = append(out, "-"+string(flag))
		if client.TakesValue(flag) {
			out = append(out, value)
		}
	})
	return out
}

// withoutSSH is the configuration where no ssh program is installed: what was
// typed, then the Host blocks of the configuration files (see readSubset), then
// ssh's defaults.
func withoutSSH(args []string, typed string, files ...string) map[string][]string {
	v := map[string][]string{}
	set := map[string]bool{}
	host, put := typed, func(keyword, value string) {
		if !set[keyword] { // the first value wins, as in ssh
			v[keyword], set[keyword] = []string{value}, true
		}
	}
	if u, err := url.Parse(typed); err == nil && u.Scheme == "ssh" {
		host = u.Host
		if u.Port() != "" {
			host = u.Hostname()
			put("port", u.Port())
		}
		if u.User.Username() != "" {
			put("user", u.User.Username())
		}
	}
	if i := strings.LastIndexByte(host, '@'); i >= 0 {
		put("user", host[:i])
		host = host[i+1:]
	}
	flags := map[byte]string{'p': "port", 'l': "user", 'b': "bindaddress", 'J': "proxyjump"}
	client.EachOption(args, func(flag byte, value string) {
		switch {
		case flag == '4':
			put("addressfamily", "inet")
		case flag == '6':
			put("addressfamily", "inet6")
		case flag == 'i':
			v["identityfile"], set["identityfile"] = append(v["identityfile"], value), true
		case flag == 'o':
			put(splitOption(value))
		case flags[flag] != "":
			put(flags[flag], value)
		}
	})
	for _, path := range files {
		if data, err := readSome(expandHome(path), maxConfigFile); err == nil {
			readSubset(string(data), host, v, set)
		}
	}
	if u, err := user.Current(); err == nil {
		put("user", u.Username)
	}
	put("hostname", host)
	put("port", "22")
	put("addressfamily", "any")
	put("stricthostkeychecking", "ask")
	put("userknownhostsfile", "~/.ssh/known_hosts ~/.ssh/known_hosts2")
	put("globalknownhostsfile", "/etc/ssh/ssh_known_hosts /etc/ssh/ssh_known_hosts2")
	if !set["identityfile"] {
		for _, name := range defaultIdentities {
			v["identityfile"] = append(v["identityfile"], "~/.ssh/"+name)
		}
	}
	return v
}

// configFiles are the files that ssh would read (ssh(1), FILES).
func configFiles(args []string) []string {
	files := []string{"~/.ssh/config", "/etc/ssh/ssh_config"}
	client.EachOption(args, func(flag byte, value string) {
		if flag == 'F' {
			files = []string{value}
		}
	})
	return files
}

// run runs ssh, or what answers for it, as the user would.
func run(ctx context.Context, limit time.Duration, program string, args ...string) proc.Result {
	return proc.Run(ctx, proc.AsUser(proc.Command{
		Args: append([]string{program}, args...), Path: program, Limit: limit, Cap: outputCap,
		Lasting: true, // what a Match exec starts is the user's business
		Group:   proc.OwnGroup,
	}, "LC_ALL=C"))
}
