package client

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/proc"
	"sshwhy/internal/shquote"
)

// ownLimit bounds the run of the user's own ssh: key exchange, login and one
// command. It leaves time to touch a security key.
const ownLimit = 30 * time.Second

// maxSaid bounds what is kept of what it says, in bytes: `ssh -v` says about 10 kB.
const maxSaid = 64 << 10

// OwnSSH is one run of the user's own ssh, made where the library that this
// package logs in with lacks what ssh has. It takes the place of the login, so
// that a host never sees two.
type OwnSSH struct {
	Why     string  `json:"why"`     // what the library lacks
	Command string  `json:"command"` // as it could be typed
	Exit    int     `json:"exit"`    // 255 is ssh's own failure (ssh(1), EXIT STATUS); -1: it was ended
	Said    string  `json:"said,omitempty"`
	End     string  `json:"end,omitempty"` // endTimeout, endCancelled or endBroken; empty if it ended by itself
	Err     string  `json:"err,omitempty"`
	Ms      float64 `json:"ms"`
}

// ownSSH runs the program that the user would run, with the same options, so
// that it writes nothing, asks nobody and forwards nothing. Its exit status says
// whether the login worked; its words are kept for whoever can read them.
func (w *walker) ownSSH(ctx context.Context, why string) {
	c := &w.obs.Config
	if c.Program == "" || w.opt.NoAuth || ctx.Err() != nil {
		return
	}
	record, forget := w.obs.passingRecord()
	defer forget()
	args := ownArgs(c, w.opt.Args, w.opt.Host, record)
	o := &OwnSSH{Why: why, Command: shquote.Join(append([]string{"ssh"}, args...)), Exit: -1}
	w.obs.OwnSSH = o
	defer w.tell("auth", w.obs.Chosen, ownLimit)()
	begin := time.Now()
	r := run(ctx, ownLimit, c.Program, args...)
	out, said := string(r.Out), string(r.Err)
	o.Ms, o.Said, o.Exit = ms(time.Since(begin)), said[:min(len(said), maxSaid)], r.Exit
	switch r.Ending {
	case proc.Exited:
	case proc.Stopped:
		o.End = endCancelled
	case proc.TimedOut:
		o.End, o.Err = endTimeout, r.Failure().Error()
	default:
		o.End, o.Err = endBroken, errText(r.Failure())
	}
	zeros := strings.Repeat("0", bigOutput)
	if w.obs.Login == nil {
		w.obs.Login = &Login{User: c.Get("user"), Ours: methodsOf(c), Batch: c.Get("batchmode") == "yes", Nobody: w.nobody(), OnlyNamed: c.Get("identitiesonly") == "yes"}
	}
	l := w.obs.Login
	l.Ms, l.Left = o.Ms, refusedWith(o.Said)
	l.OK = o.Exit >= 0 && (o.Exit != 255 || strings.Contains(out, zeros))
	if l.OK && c.Get("sessiontype") != "none" {
		s := &Session{Opened: true, Exit: o.Exit, Ran: strings.Contains(out, zeros), Ms: o.Ms}
		s.Output = strings.Replace(out[:min(len(out), maxOutput+bigOutput)], zeros, "", 1)
		w.obs.Session = s
	}
}

// passingRecord are the options by which a run of ssh takes the same host keys as the
// walk did, asks nobody and writes nothing to the user's records. A key that is not
// on record and was accepted for this once is recorded in a file that forget takes
// away, and so is one that ssh takes unasked.
func (o *Observations) passingRecord() (options []string, forget func()) {
	strict, forget := []string{"StrictHostKeyChecking=yes", "UpdateHostKeys=no"}, func() {}
	h := o.HostKey
	if h == nil || h.accepted() {
		return strict, forget
	}
	pinned := h.Answer == AnswerYes && h.key != nil
	if !pinned && !h.unasked() {
		return strict, forget
	}
	dir, err := os.MkdirTemp("", "sshwhy-")
	if err != nil {
		return strict, forget
	}
	forget = func() { _ = os.RemoveAll(dir) }
	path := filepath.Join(dir, "known_hosts")
	// ssh reads all of the files and writes to the first.
	files := []string{quoted(path)}
	for _, f := range h.Files {
		if !f.Global {
			files = append(files, quoted(f.Path))
		}
	}
	options = []string{strict[0], "UserKnownHostsFile=" + strings.Join(files, " "), strict[1]}
	if pinned {
		if err := os.WriteFile(path, []byte(h.line()), 0o600); err != nil {
			forget()
			return strict, func() {}
		}
		return options, forget
	}
	options[0] = "StrictHostKeyChecking=" + h.Strict
	return options, forget
}

// quoted is a path as one word of a list in ssh_config.
func quoted(path string) string {
	if strings.ContainsAny(path, " \t") {
		return `"` + path + `"`
	}
	return path
}

// line is the key as a line of known_hosts.
func (h *HostKey) line() string {
	key := h.key
	if cert, ok := key.(*ssh.Certificate); ok { // without its authority, ssh goes by the key inside
		key = cert.Key
	}
	return h.Names[0] + " " + string(ssh.MarshalAuthorizedKey(key))
}

// refusedWith are the methods that the server still offered when ssh gave up,
// from its last words: "alice@web1: Permission denied (publickey,password)."
// (sshconnect2.c: ssh_userauth2).
func refusedWith(said string) []string {
	i := strings.LastIndex(said, ": Permission denied (")
	if i < 0 {
		return nil
	}
	list, _, ok := strings.Cut(said[i+len(": Permission denied ("):], ").")
	if !ok || strings.ContainsAny(list, " \n") {
		return nil
	}
	return strings.Split(list, ",")
}

// ownArgs are the arguments of that run. Of options given twice ssh takes the
// first, so what keeps the run harmless stands in front.
func ownArgs(c *Config, typed []string, host string, record []string) []string {
	args := []string{"-v", "-T"}
	option := func(text string) { args = append(args, "-o", text) }
	option("BatchMode=yes")
	for _, text := range record {
		option(text)
	}
	option("ControlPath=none") // a connection that is up already would prove nothing
	option("ClearAllForwardings=yes")
	option("ForwardAgent=no")
	option("ForwardX11=no")
	option("PermitLocalCommand=no")
	// These are named only where they are set: an older ssh does not know them.
	if command := c.Get("remotecommand"); command != "" && command != "none" {
		option("RemoteCommand=none")
	}
	if kind := c.Get("sessiontype"); kind != "" && kind != "default" {
		option("SessionType=default")
	}
	if c.Get("forkafterauthentication") == "yes" {
		option("ForkAfterAuthentication=no")
	}
	eachOption(typed, func(flag byte, value string) {
		if strings.IndexByte(notForOwn, flag) >= 0 {
			return
		}
		args = append(args, "-"+string(flag))
		if strings.IndexByte(withValue, flag) >= 0 {
			args = append(args, value)
		}
	})
	return append(args, "--", host, command)
}

// notForOwn are the options that have no place in that run: they write, wait,
// forward, or ask for another thing than one command.
const notForOwn = notForDump + "NWLRDStTsXYAE"

// onlyItself says what of this login only ssh itself can do, or "". allowed is
// what the server offers.
func (w *walker) onlyItself(ctx context.Context, l *Login, allowed []string) string {
	c := &w.obs.Config
	both := func(method string) bool { return slices.Contains(allowed, method) && slices.Contains(l.Ours, method) }
	switch {
	case both("gssapi-with-mic") && hasTicket(ctx):
		return "a login with a Kerberos ticket (GSSAPI)"
	case both("hostbased"):
		return "a host-based login"
	case !both("publickey"):
		return ""
	case c.Get("pkcs11provider") != "" && c.Get("pkcs11provider") != "none":
		return "a key on a smart card (PKCS11Provider " + c.Get("pkcs11provider") + ")"
	}
	for _, k := range l.Keys {
		if k.Fault == faultTouch {
			return "a key in a security key (" + k.label() + ")"
		}
		if k.Fault == faultForeign {
			return "a key of type " + k.Type + " (" + k.label() + ")"
		}
	}
	return ""
}

// lacks names the algorithm that this ssh and the server would agree on and that
// our library does not have, nor any other that both sides would take; or "".
func (w *walker) lacks() string {
	k, have := w.obs.Kex, w.algorithms()
	safe, weak := ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys
	lists := map[string][]string{"kexalgorithms": have.KeyExchanges, "ciphers": have.Ciphers, "macs": have.MACs, "hostkeyalgorithms": slices.Concat(safe, weak)}
	for _, n := range k.negotiate() {
		ours := lists[n.keyword]
		common := func(a string) bool { return slices.Contains(n.server, a) && slices.Contains(ours, a) && !pseudo(a) }
		if len(n.client) > 0 && !slices.ContainsFunc(n.client, common) {
			return n.choice
		}
	}
	return ""
}

// hasTicket reports whether there is a Kerberos ticket that ssh could show. Where
// klist is missing, the cache's usual places decide (krb5.conf(5), MIT ccache types).
func hasTicket(ctx context.Context) bool {
	if klist, err := proc.UserFind("klist"); err == nil {
		return run(ctx, 2*time.Second, klist, "-s").OK()
	}
	if os.Getenv("KRB5CCNAME") != "" {
		return true
	}
	_, err := os.Stat("/tmp/krb5cc_" + strconv.Itoa(os.Getuid()))
	return err == nil
}
