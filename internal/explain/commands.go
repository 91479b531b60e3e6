package explain

import (
	"slices"
	"strconv"
	"strings"

	"sshwhy/internal/sshlog"
)

// A command of a page is made the one to type here: with the host, the port, the user
// and the file that the text names, and in the words of the machine that it is for.

// concrete puts the names of the text into a command, where they are safe to
// put into one.
func (rd *reading) concrete(cmd string, c *candidate) string {
	host, port, user := rd.endpoint(c)
	for _, r := range [...][2]string{{"USER", user}, {"KEYFILE", c.caps["file"]}, {"ADDRESS", c.caps["addr"]}} {
		if safeWord(r[1]) {
			cmd = replaceWord(cmd, r[0], r[1])
		}
	}
	if user == "" && safeWord(host) {
		cmd = strings.ReplaceAll(cmd, "USER@HOST", "HOST") // ssh knows a name by itself
	}
	for word, prefer := range offered {
		if a := pickOffer(c.caps["offer"], prefer); strings.Contains(cmd, word) && safeWord(a) {
			cmd = replaceWord(cmd, word, a)
		}
	}
	if !safeWord(host) || host == "UNKNOWN" {
		host = ""
	}
	parts := strings.SplitAfter(cmd, "; ")
	for i := range parts {
		parts[i] = atEndpoint(parts[i], host, port)
	}
	return strings.Join(parts, "")
}

// endpoint is the host, the port ("" for 22 and where none is named) and the user that
// a candidate is about, else those of the text.
func (rd *reading) endpoint(c *candidate) (host, port, user string) {
	t := rd.target()
	host, port, user = c.caps["host"], c.caps["port"], c.caps["user"]
	if host == "" {
		host = t.Host
	}
	if user == "" {
		user = t.User
	}
	if inner, ok := strings.CutPrefix(host, "["); ok { // [host]:port, as known_hosts has it (sshd(8))
		if h, p, ok := strings.Cut(inner, "]"); ok {
			host = h
			if p = strings.TrimPrefix(p, ":"); sshlog.Digits(p) {
				port = p
			}
		}
	}
	if port == "" && t.Port != 0 && (host == t.Host || host == t.Address) {
		port = strconv.Itoa(t.Port)
	}
	if port == "22" || !sshlog.Digits(port) || portOf(port) == 0 {
		port = ""
	}
	return host, port, user
}

// portOptions are the programs that take the port as an option, and which.
var portOptions = map[string]string{"ssh": "-p", "ssh-keyscan": "-p", "ssh-copy-id": "-p", "sftp": "-P", "scp": "-P"}

// atEndpoint puts host and port into one command: as the option of programs that have
// one, as [host]:port where known_hosts is asked, as a word where PORT or 22 stands.
func atEndpoint(cmd, host, port string) string {
	if !strings.Contains(cmd, "HOST") && !strings.Contains(cmd, "PORT") {
		return cmd
	}
	program, rest, _ := strings.Cut(cmd, " ")
	option, has := portOptions[program]
	switch {
	case has && strings.Contains(" "+rest, " "+option+" "): // the right port, which is not the one that was tried
		port = ""
	case has && port != "" && strings.Contains(rest, "HOST"):
		cmd = program + " " + option + " " + port + " " + rest
	case program == "ssh-keygen" && port != "" && host != "":
		return replaceWord(cmd, "HOST", "'["+host+"]:"+port+"'") // brackets are a pattern to the shell
	case port != "" && program == "nc":
		cmd = replaceWord(cmd, "22", port)
	}
	if port != "" {
		cmd = replaceWord(cmd, "PORT", port)
	} else if program == "nc" || program == "Test-NetConnection" {
		cmd = replaceWord(cmd, "PORT", "22")
	}
	if host != "" {
		cmd = replaceWord(cmd, "HOST", host)
	}
	return cmd
}

// offered are the placeholders that stand for an algorithm of the peer's offer,
// and which of them is to be preferred: the least weak that old devices have.
var offered = map[string][]string{
	"METHOD":  {"diffie-hellman-group14-sha256", "diffie-hellman-group-exchange-sha256", "diffie-hellman-group14-sha1", "diffie-hellman-group-exchange-sha1"},
	"CIPHER":  {"aes256-ctr", "aes128-ctr", "aes256-cbc", "aes128-cbc"},
	"MACNAME": {"hmac-sha2-256", "hmac-sha1"},
	"KEYTYPE": {"rsa-sha2-512", "rsa-sha2-256", "ssh-rsa"},
}

// pickOffer chooses from a list as "Their offer:" has it, "" where there is none.
func pickOffer(offer string, prefer []string) string {
	list := strings.FieldsFunc(offer, func(r rune) bool { return strings.ContainsRune(", []\"", r) })
	list = slices.DeleteFunc(list, func(a string) bool {
		return strings.HasPrefix(a, "ext-info-") || strings.HasPrefix(a, "kex-strict-") || !strings.Contains(a, "-")
	})
	for _, p := range prefer {
		if slices.Contains(list, p) {
			return p
		}
	}
	if len(list) > 0 {
		return list[0]
	}
	return ""
}

// replaceWord replaces a placeholder, but not as a part of a longer word (JUMPHOST).
func replaceWord(s, word, by string) string {
	var b strings.Builder
	for {
		i := strings.Index(s, word)
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		whole := (i == 0 || !sshlog.IsWordByte(s[i-1])) && (i+len(word) == len(s) || !sshlog.IsWordByte(s[i+len(word)]))
		if whole {
			b.WriteString(by)
		} else {
			b.WriteString(word)
		}
		s = s[i+len(word):]
	}
}

// safeWord accepts what may stand in a shell command unquoted and as a plain argument.
func safeWord(s string) bool {
	if s == "" || len(s) > 200 || s[0] == '-' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !sshlog.IsWordByte(c) && !strings.ContainsRune("._-/:~@%+", rune(c)) || c >= 0x80 {
			return false
		}
	}
	return true
}
