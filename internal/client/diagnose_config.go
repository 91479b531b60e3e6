package client

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"sshwhy/internal/report"
	"sshwhy/internal/shquote"
	"sshwhy/internal/sshconf"
)

// config judges what ssh said about its own configuration.
func (d *diagnosis) config() {
	c := &d.o.Config
	switch {
	case c.Fault != "":
		d.wrongHost(c.Fault)
	case c.Hung:
		d.stage(report.StageConfig, report.StatusFailed, c.Ms, "ssh -G does not end")
		d.find("client-config-invalid", report.Likely, fmt.Sprintf("ssh does not come to the end of its own configuration in %s: a command in a Match exec line hangs.", seconds(c.Ms)),
			d.sshSaid(), advice("Find the Match exec line whose command does not end.", onClient("grep -rn -i 'exec' ~/.ssh/config /etc/ssh/ssh_config")))
	case c.Failed:
		d.configRefused()
	case c.Values == nil && d.o.Interrupted:
		d.stage(report.StageConfig, report.StatusUnknown, c.Ms, "stopped before it was read")
	case c.Host() == "":
		d.stage(report.StageConfig, report.StatusFailed, c.Ms, "no host to connect to")
		d.find("client-config-invalid", report.Confirmed, "The configuration of ssh leaves no host name to connect to.",
			d.sshSaid(), advice("Name the host on the command line, or set HostName in the configuration."))
	default:
		d.configRead()
	}
}

// wrongHost is for what can be no host at all.
func (d *diagnosis) wrongHost(fault string) {
	d.stage(report.StageConfig, report.StatusFailed, d.o.Config.Ms, "%s", fault)
	d.find("wrong-host-name", report.Confirmed, fmt.Sprintf("%q is no host that ssh can connect to: %s.", d.o.Typed, fault),
		[]report.Evidence{{Source: "command line", Excerpt: d.o.Typed}},
		advice("Give a host name or an address, with the user before an @ and the port after -p.", onClient("ssh -p 22 user@host")))
}

// configRead is the ordinary case.
func (d *diagnosis) configRead() {
	c := &d.o.Config
	status, from := report.StatusOK, c.Version
	if c.Program == "" {
		status, from = report.StatusWarning, "no ssh program: of the configuration files only Host blocks are understood"
		if c.Missing {
			d.find("client-not-installed", report.Confirmed, "There is no ssh program on this machine.",
				[]report.Evidence{{Source: "PATH", Excerpt: "ssh: not found"}},
				&report.Remedy{Kind: report.Repair, Summary: "Install it with this system's package manager.", Steps: []report.Step{onClient("sudo apt install openssh-client")}})
		}
		d.incomplete("configuration", "there is no ssh program on this machine to read its configuration files as ssh does")
	}
	target := fmt.Sprintf("%s port %d", c.Host(), c.Port())
	if user := c.Get("user"); user != "" {
		target = user + "@" + target
	}
	d.stage(report.StageConfig, status, c.Ms, "%s (%s)", target, from)
}

// configRefused is for an ssh that does not accept its configuration or options.
func (d *diagnosis) configRefused() {
	c := &d.o.Config
	said := strings.Join(c.Stderr, "; ")
	d.stage(report.StageConfig, report.StatusFailed, c.Ms, "%s", said)
	// The file and line in ssh's complaint (readconf.c: "%s: line %d: …" and
	// "%s line %d: …").
	located := regexp.MustCompile(`^(.+?):? line (\d+): (.*)$`)
	for _, line := range c.Stderr {
		switch {
		case brokenProgram(line):
			d.libraryMismatch(line)
			return
		case strings.HasPrefix(line, "Bad owner or permissions on "):
			d.badConfigMode(strings.TrimPrefix(line, "Bad owner or permissions on "))
			return
		case strings.Contains(line, "contains invalid characters"):
			d.find("wrong-host-name", report.Confirmed, fmt.Sprintf("ssh does not accept %q as a host: %s.", d.o.Typed, line),
				d.sshSaid(), advice("Give a host name or an address."))
			return
		}
		m := located.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		file, text := m[1], m[3]
		n, _ := strconv.Atoi(m[2])
		if d.wrongSide(file, n, line, text) {
			return
		}
		if file == "command-line" {
			d.find("client-config-invalid", report.Confirmed, fmt.Sprintf("ssh does not accept an option of the command line: %s.", text),
				d.sshSaid(), advice("Correct the -o option that is named.", onClient("man ssh_config")))
			return
		}
		d.find("client-config-invalid", report.Confirmed,
			fmt.Sprintf("ssh refuses its own configuration: %s, line %d: %s.", file, n, text),
			[]report.Evidence{{Source: file, Excerpt: line, Line: n}},
			advice(fmt.Sprintf("Correct line %d of %s.", n, file), onClient(d.ssh("-G"))))
		return
	}
	d.find("client-config-invalid", report.Confirmed, "ssh refuses its options or its configuration: "+said+".",
		d.sshSaid(), advice("Correct what ssh names.", onClient(c.Command)))
}

// brokenProgram reports whether a line says that the program itself cannot run:
// it was built for another OpenSSL (entropy.c: seed_rng), or the loader does not
// find what it needs (ld.so(8); the words are glibc's and musl's).
func brokenProgram(line string) bool {
	for _, words := range []string{"OpenSSL version mismatch.", "error while loading shared libraries: ", "symbol lookup error: ", "Error loading shared library ", "Error relocating "} {
		if strings.Contains(line, words) {
			return true
		}
	}
	return strings.Contains(line, ": version `OPENSSL_") && strings.Contains(line, "not found")
}

// libraryMismatch is for an ssh that does not fit the libraries it loads.
func (d *diagnosis) libraryMismatch(line string) {
	c := &d.o.Config
	evidence := []report.Evidence{{Source: c.Command, Excerpt: line}, {Source: "PATH", Excerpt: c.Program}}
	d.find("crypto-library-mismatch", report.Confirmed,
		fmt.Sprintf("The ssh program itself cannot run: it does not fit the libraries that it loads (%s).", line), evidence,
		advice("Bring the ssh program and its OpenSSL library to the same release, and remove copies of OpenSSL from the library path.",
			onClient("ldd "+shquote.Path(c.Program)+" | grep -E 'crypto|ssl|not found'; echo \"$LD_LIBRARY_PATH $LD_PRELOAD\""),
			onClient("sudo apt-get install --reinstall openssh-client libssl3")))
}

// wrongSide is for a server's option in the client's configuration, and for a
// key in the place of a configuration.
func (d *diagnosis) wrongSide(file string, n int, line, text string) bool {
	option := strings.ToLower(strings.TrimPrefix(text, "Bad configuration option: "))
	evidence := []report.Evidence{{Source: file, Line: n, Excerpt: line}}
	switch {
	case strings.HasPrefix(option, "-----begin"), strings.HasPrefix(option, "ssh-ed25519"), strings.HasPrefix(option, "ssh-rsa"):
		d.find("client-config-wrong-side", report.Confirmed, fmt.Sprintf("%s is a key and no configuration: a key is named with -i, a configuration with -F.", file),
			evidence, advice("Use -i for the key.", onClient("ssh -i "+shquote.Path(file)+" "+shquote.Operand(d.o.Typed))))
	case sshconf.OnlyOf(sshconf.Server, option):
		d.find("client-config-wrong-side", report.Confirmed, fmt.Sprintf("%s, line %d: %s is an option of the server (sshd_config), and this is the client's configuration.", file, n, option),
			evidence, advice(fmt.Sprintf("Move line %d to /etc/ssh/sshd_config of the server it is meant for, or remove it.", n), onClient("man ssh_config")))
	default:
		return false
	}
	return true
}

// badConfigMode is for a configuration that others could write.
func (d *diagnosis) badConfigMode(file string) {
	d.find("client-config-permissions", report.Confirmed,
		fmt.Sprintf("ssh does not trust %s: it must belong to you, and nobody else may write to it.", file), d.sshSaid(),
		&report.Remedy{Kind: report.Open, Summary: "Read the file first: others could have written to it, and ssh runs commands that it names. Then take write permission away from everyone else.", Steps: []report.Step{
			{Do: "chmod 600 " + shquote.Path(file), Where: report.OnClient, Act: &report.Action{Kind: report.ActMode, Path: file, Mode: 0o600,
				Opens: "whoever could write to " + file + ", by the commands and hosts that it names"}},
		}})
}

// sshSaid is ssh's own words as evidence.
func (d *diagnosis) sshSaid() []report.Evidence {
	return []report.Evidence{{Source: d.o.Config.Command, Excerpt: lines(d.o.Config.Stderr...)}}
}
