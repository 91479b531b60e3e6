package explain

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// step is how far a connection came. The order is that of the protocol.
type step int

const (
	stepNone step = iota
	stepConfig
	stepConnecting  // a TCP connection is tried
	stepEstablished // TCP is up, or the proxy runs
	stepBanner      // the server's greeting came
	stepKexSent     // our KEXINIT is out
	stepKexReceived // theirs came
	stepKexReply    // our part of the key exchange is out
	stepHostKey     // the host key came
	stepNewKeys     // the line is encrypted
	stepAuth        // authentication has begun
	stepAuthDone    // it succeeded
	stepSession     // the session runs
)

// An attempt is one run of a client, as its -v output or its command line
// tells it. All fields are what was said; a zero field was not.
type attempt struct {
	first, last int // range of lines
	version     string
	command     string
	host        string
	addr        string
	port        int
	user        string
	reached     step
	reachedAt   int // line of the furthest step
	verbose     bool

	tries      []addressTry
	methods    []string // that the server allows, latest
	offered    []string // keys offered
	accepted   []string // keys the server knows
	identities map[string]bool
	explicit   []string // -i
	passwords  int      // how often a password was refused
	prompted   bool     // a password was asked for
	partial    bool
	agentKeys  int // -1: not said
	noTTY      bool
	proxy      bool
	usesPasswd bool  // sshpass, or PreferredAuthentications=password
	skipped    []int // lines "Skipping … key"
}

// addressTry is one address that was tried, and what became of it.
type addressTry struct {
	addr  string
	port  int
	words string // the error, "" where none is given
	line  int
}

// maxAttempts bounds how many attempts are told apart; what follows belongs to
// the last.
const maxAttempts = 200

// traces reads the attempts of a text. A text without any client's output has
// one empty attempt over all its lines, so that the rules have one place to look.
func traces(lines []line) []*attempt {
	cur := &attempt{agentKeys: -1, identities: map[string]bool{}}
	out := []*attempt{cur}
	fresh := true // nothing but prompts was seen yet in cur
	for i := range lines {
		l := &lines[i]
		if !fresh && len(out) < maxAttempts && startsAttempt(l) {
			cur.last = i - 1
			cur = &attempt{first: i, agentKeys: -1, identities: map[string]bool{}}
			out = append(out, cur)
			fresh = true
		}
		if l.command != "" {
			cur.readCommand(l.command)
			continue
		}
		if l.text != "" && !isVersionLine(l) {
			fresh = false
		}
		cur.read(i, l)
	}
	cur.last = len(lines) - 1
	return out
}

func isVersionLine(l *line) bool {
	return strings.HasPrefix(l.text, "OpenSSH_") && strings.Contains(l.text, ", ") && l.debug < 2
}

func startsAttempt(l *line) bool {
	if l.command != "" {
		first, _, _ := strings.Cut(l.command, " ")
		switch strings.TrimSuffix(first, ".exe") {
		case "ssh", "scp", "sftp", "rsync", "sshpass", "git", "ssh-copy-id", "autossh", "plink", "ansible", "ansible-playbook", "mosh", "dbclient":
			return true
		}
		return false
	}
	return isVersionLine(l)
}

// optionsWithValue are ssh's options that take an argument (ssh(1)).
const optionsWithValue = "BbcDEeFIiJLlmOoPpQRSWw"

// readCommand takes what a command line says about the connection.
func (a *attempt) readCommand(cmd string) {
	f := strings.Fields(cmd)
	if len(f) == 0 {
		return
	}
	for len(f) > 1 && (f[0] == "sudo" || f[0] == "sshpass" || f[0] == "autossh") {
		if f[0] == "sshpass" {
			a.usesPasswd = true
		}
		for f = f[1:]; len(f) > 1 && (strings.HasPrefix(f[0], "-") || f[0] != "ssh" && f[0] != "scp"); f = f[1:] {
		}
	}
	name := strings.TrimSuffix(f[0], ".exe")
	if name != "ssh" && name != "scp" && name != "sftp" && name != "ssh-copy-id" {
		return
	}
	a.command = cmd
	for i := 1; i < len(f); i++ {
		w := f[i]
		if !strings.HasPrefix(w, "-") || len(w) < 2 {
			a.destination(name, strings.Trim(w, "\"'"))
			if name == "ssh" && a.host != "" {
				break
			}
			continue
		}
		opt, val := w[1], w[2:]
		if !strings.ContainsRune(optionsWithValue, rune(opt)) {
			continue
		}
		if val == "" && i+1 < len(f) {
			i++
			val = f[i]
		}
		a.option(opt, strings.Trim(val, "\"'"))
	}
}

func (a *attempt) option(opt byte, val string) {
	switch opt {
	case 'p', 'P':
		if n, err := strconv.Atoi(val); err == nil {
			a.port = n
		}
	case 'l':
		a.user = val
	case 'i':
		a.explicit = append(a.explicit, val)
	case 'J':
		a.proxy = true
	case 'o':
		low := strings.ToLower(val)
		if strings.HasPrefix(low, "preferredauthentications=password") || strings.HasPrefix(low, "pubkeyauthentication=no") ||
			strings.HasPrefix(low, "preferredauthentications=keyboard") {
			a.usesPasswd = true
		}
		if strings.HasPrefix(low, "proxycommand") || strings.HasPrefix(low, "proxyjump") {
			a.proxy = true
		}
	}
}

// destination reads user@host, ssh:// and scp's host:path.
func (a *attempt) destination(program, w string) {
	if a.host != "" {
		return
	}
	w = strings.TrimPrefix(w, "ssh://")
	if user, host, ok := cutLast(w, "@"); ok {
		a.user, w = user, host
	} else if program != "ssh" && program != "sftp" {
		return // scp's local file
	}
	if program != "ssh" {
		w, _, _ = strings.Cut(w, ":")
	}
	a.host = w
}

// cutLast is strings.Cut at the last sep.
func cutLast(s, sep string) (before, after string, ok bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}

// reach notes a step.
func (a *attempt) reach(s step, at int) {
	if s >= a.reached {
		a.reached, a.reachedAt = s, at
	}
}

// read takes what one line of output says.
func (a *attempt) read(i int, l *line) {
	t := l.text
	if l.debug > 0 {
		a.verbose = true
	}
	if strings.HasPrefix(l.prog, "sshd") || l.prog == "systemd" {
		return // the server's words: its own steps are not the client's
	}
	if isVersionLine(l) {
		a.version, _, _ = strings.Cut(t, ",")
		a.verbose = true
		a.reach(stepConfig, i)
		return
	}
	if a.readConnect(i, t) || a.readKex(i, t) || a.readKeys(i, l) || a.readAuth(i, t) {
		return
	}
	a.readSession(i, t)
}

func (a *attempt) readConnect(i int, t string) bool {
	switch {
	case strings.HasPrefix(t, "Connecting to "):
		a.connecting(i, strings.TrimPrefix(t, "Connecting to "))
	case strings.HasPrefix(t, "connect to address "):
		rest := strings.TrimPrefix(t, "connect to address ")
		addr, rest, _ := strings.Cut(rest, " port ")
		port, words, _ := strings.Cut(rest, ": ")
		n, _ := strconv.Atoi(port)
		a.tries = append(a.tries, addressTry{addr, n, words, i})
	case strings.HasPrefix(t, "Connection established"):
		a.reach(stepEstablished, i)
	case strings.HasPrefix(t, "Executing proxy command: "), strings.HasPrefix(t, "Setting implicit ProxyCommand"):
		a.proxy = true
		a.reach(stepEstablished, i)
	case strings.HasPrefix(t, "Local version string "), strings.HasPrefix(t, "Enabling compatibility mode"):
		a.reach(stepEstablished, i)
	case strings.HasPrefix(t, "Remote protocol version "):
		a.reach(stepBanner, i)
	case strings.HasPrefix(t, "Authenticating to "):
		host, user, _ := strings.Cut(strings.TrimPrefix(t, "Authenticating to "), " as ")
		a.user = strings.Trim(user, "'")
		if h, p, ok := cutLast(host, ":"); ok {
			a.host = h
			if n, err := strconv.Atoi(p); err == nil {
				a.port = n
			}
		}
	default:
		return false
	}
	return true
}

// connecting reads "web1 [192.0.2.10] port 22."
func (a *attempt) connecting(i int, t string) {
	host, rest, _ := strings.Cut(t, " ")
	a.host = host
	addr := host
	if at := strings.Index(rest, "["); at >= 0 {
		addr, rest, _ = strings.Cut(rest[at+1:], "]")
	}
	a.addr = addr
	if _, p, ok := strings.Cut(rest, "port "); ok {
		if n, err := strconv.Atoi(strings.TrimRight(p, ". ")); err == nil {
			a.port = n
		}
	}
	a.reach(stepConnecting, i)
	// a second attempt of the same process starts from here
	if a.reached < stepBanner {
		a.reached, a.reachedAt = stepConnecting, i
	}
	if _, err := netip.ParseAddr(addr); err == nil {
		a.tries = append(a.tries, addressTry{addr, a.port, "", i})
	}
}

func (a *attempt) readKex(i int, t string) bool {
	switch {
	case strings.HasPrefix(t, "SSH2_MSG_KEXINIT sent"):
		a.reach(stepKexSent, i)
	case strings.HasPrefix(t, "SSH2_MSG_KEXINIT received"):
		a.reach(stepKexReceived, i)
	case strings.HasPrefix(t, "expecting SSH2_MSG_KEX"), strings.HasPrefix(t, "sending SSH2_MSG_KEX"):
		a.reach(stepKexReply, i)
	case strings.HasPrefix(t, "kex: algorithm: "):
		a.reach(stepKexReceived, i)
	case strings.HasPrefix(t, "Server host key: "), strings.HasPrefix(t, "Server host certificate: "):
		a.reach(stepHostKey, i)
	case strings.HasPrefix(t, "SSH2_MSG_NEWKEYS received"):
		a.reach(stepNewKeys, i)
	case strings.HasPrefix(t, "SSH2_MSG_SERVICE_ACCEPT received"), strings.HasPrefix(t, "service_accept: ssh-userauth"):
		a.reach(stepAuth, i)
	default:
		return false
	}
	return true
}

// defaultKeys are the names ssh tries by itself (ssh(1), -i).
var defaultKeys = []string{"id_rsa", "id_dsa", "id_ecdsa", "id_ecdsa_sk", "id_ed25519", "id_ed25519_sk", "id_xmss", "id_mldsa44_ed25519", "identity"}

func isDefaultKey(file string) bool {
	name := file[strings.LastIndexAny(file, `/\`)+1:]
	for _, d := range defaultKeys {
		if name == d || name == d+"-cert" {
			return strings.Contains(file, ".ssh")
		}
	}
	return false
}

func (a *attempt) readKeys(i int, l *line) bool {
	t := l.text
	switch {
	case strings.HasPrefix(t, "identity file "):
		file, typ, _ := cutLast(strings.TrimPrefix(t, "identity file "), " type ")
		if !strings.HasSuffix(file, "-cert") {
			a.identities[file] = a.identities[file] || typ != "-1"
		}
	case strings.HasPrefix(t, "Offering public key: "):
		a.offered = append(a.offered, strings.TrimPrefix(t, "Offering public key: "))
		a.reach(stepAuth, i)
	case strings.HasPrefix(t, "Offering ") && strings.Contains(t, " public key: "):
		_, file, _ := strings.Cut(t, " public key: ")
		a.offered = append(a.offered, file)
	case strings.HasPrefix(t, "Trying private key: "):
		// a key without its .pub is tried by its file; the usual names need not exist
		if file := strings.TrimPrefix(t, "Trying private key: "); !isDefaultKey(file) {
			a.offered = append(a.offered, file)
		}
	case strings.HasPrefix(t, "no such identity: "):
		file, _, _ := strings.Cut(strings.TrimPrefix(t, "no such identity: "), ": ")
		a.offered = slices.DeleteFunc(a.offered, func(o string) bool { return o == file })
	case strings.HasPrefix(t, "Server accepts key: "):
		a.accepted = append(a.accepted, strings.TrimPrefix(t, "Server accepts key: "))
		a.reach(stepAuth, i)
	case strings.HasPrefix(t, "Skipping ") && strings.Contains(t, " key "):
		a.skipped = append(a.skipped, i)
	case strings.Contains(t, "agent returned ") && strings.HasSuffix(t, " keys"):
		_, n, _ := strings.Cut(t, "agent returned ")
		a.agentKeys, _ = strconv.Atoi(strings.TrimSuffix(n, " keys"))
	case strings.Contains(t, "agent contains no identities"), strings.Contains(t, "The agent has no identities"):
		a.agentKeys = 0
	case strings.HasPrefix(t, "read_passphrase: "):
		a.noTTY = true
	default:
		return false
	}
	return true
}

func (a *attempt) readAuth(i int, t string) bool {
	switch {
	case strings.HasPrefix(t, "Authentications that can continue: "):
		list := strings.TrimPrefix(t, "Authentications that can continue: ")
		a.methods = strings.Split(list, ",")
		a.reach(stepAuth, i)
	case strings.HasPrefix(t, "Next authentication method: "):
		a.reach(stepAuth, i)
	case strings.HasPrefix(t, "Permission denied, please try again"):
		a.passwords++
	case strings.HasSuffix(t, "'s password:"), strings.Contains(t, "'s password: "), strings.HasPrefix(t, "Password:"), strings.HasSuffix(t, ") Password:"):
		a.prompted = true
	case strings.Contains(t, " with partial success"):
		a.partial = true
	case strings.HasPrefix(t, "Authenticated to "), strings.HasPrefix(t, "Authentication succeeded"):
		a.reach(stepAuthDone, i)
	default:
		return false
	}
	return true
}

func (a *attempt) readSession(i int, t string) {
	switch {
	case strings.HasPrefix(t, "Entering interactive session"), strings.HasPrefix(t, "Sending command: "):
		a.reach(stepSession, i)
	case strings.HasPrefix(t, "Exit status 0"):
		a.reach(stepSession, i)
	case strings.HasPrefix(t, "Last login: ") && !strings.Contains(t, " on ttys"), strings.HasPrefix(t, "Welcome to Ubuntu"):
		// A Mac's own terminal greets with "… on ttys001".
		a.reach(stepSession, i)
	}
}
