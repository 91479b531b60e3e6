package walk

import (
	"context"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/crypto/ssh"

	"sshwhy/internal/client"
	"sshwhy/internal/proc"
	"sshwhy/internal/shquote"
)

// ownLimit bounds the run of the user's own ssh: key exchange, login and one
// command. It leaves time to touch a security key.
const ownLimit = 30 * time.Second

// maxSaid bounds what is kept of what it says, in bytes: `ssh -v` says about 10 kB.
const maxSaid = 64 << 10

// ownSSH runs the program that the user would run, with the same options, so
// that it writes nothing, asks nobody and forwards nothing. Its exit status says
// whether the login worked; its words are kept for whoever can read them.
func (w *walker) ownSSH(ctx context.Context, why string) {
	c := &w.obs.Config
	if c.Program == "" || w.opt.NoAuth || ctx.Err() != nil {
		return
	}
	record, forget := passingRecord(w.obs.HostKey)
	defer forget()
	args := ownArgs(c, w.opt.Args, w.opt.Host, record)
	o := &client.OwnSSH{Why: why, Command: shquote.Join(append([]string{"ssh"}, args...)), Exit: -1}
	w.obs.OwnSSH = o
	defer w.report("auth", w.obs.Chosen, ownLimit)()
	begin := time.Now()
	r := run(ctx, ownLimit, c.Program, args...)
	out, said := string(r.Out), string(r.Err)
	o.Ms, o.Said, o.Exit = ms(time.Since(begin)), said[:min(len(said), maxSaid)], r.Exit
	switch r.Ending {
	case proc.Exited:
	case proc.Stopped:
		o.End = client.EndCancelled
	case proc.TimedOut:
		o.End, o.Err = client.EndTimeout, r.Failure().Error()
	default:
		o.End, o.Err = client.EndError, errText(r.Failure())
	}
	zeros := strings.Repeat("0", bigOutput)
	if w.obs.Login == nil {
		w.obs.Login = &client.Login{User: c.Get("user"), Ours: methodsOf(c), Batch: c.Get("batchmode") == "yes", Nobody: w.nobodyToAsk(), OnlyNamed: c.Get("identitiesonly") == "yes"}
	}
	l := w.obs.Login
	l.Ms, l.Left = o.Ms, refusedWith(o.Said)
	l.OK = o.Exit >= 0 && (o.Exit != 255 || strings.Contains(out, zeros))
	if l.OK && c.Get("sessiontype") != "none" {
		s := &client.Session{Command: command, Opened: true, Exit: o.Exit, Ran: strings.Contains(out, zeros), Ms: o.Ms}
		s.Output = strings.Replace(out[:min(len(out), maxOutput+bigOutput)], zeros, "", 1)
		w.obs.Session = s
	}
}

// passingRecord are the options by which a run of ssh takes the same host keys as the
// walk did, asks nobody and writes nothing to the user's records. A key that is not
// on record and was accepted for this once is recorded in a file that forget takes
// away, and so is one that ssh takes unasked.
func passingRecord(h *client.HostKey) (options []string, forget func()) {
	strict, forget := []string{"StrictHostKeyChecking=yes", "UpdateHostKeys=no"}, func() {}
	if h == nil || h.Accepted() {
		return strict, forget
	}
	pinned := h.Answer == client.AnswerYes && h.Key != ""
	if !pinned && !h.AcceptsNew() {
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
		if err := os.WriteFile(path, []byte(h.Names[0]+" "+h.Key+"\n"), 0o600); err != nil {
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
func ownArgs(c *client.Config, typed []string, host string, record []string) []string {
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
	client.EachOption(typed, func(flag byte, value string) {
		if strings.IndexByte(notForOwn, flag) >= 0 {
			return
		}
		args = append(args, "-"+string(flag))
		if client.TakesValue(flag) {
			args = append(args, value)
		}
	})
	return append(args, "--", host, command)
}

// notForOwn are the options that have no place in that run: they write, wait,
// forward, or ask for another thing than one command.
const notForOwn = notForDump + "NWLRDStTsXYAE"

// onlySSHCan says what of this login only ssh itself can do, or "". allowed is
// what the server offers.
func (w *walker) onlySSHCan(ctx context.Context, l *client.Login, allowed []string) string {
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
		if k.Fault == client.FaultTouch {
			return "a key in a security key (" + k.Label() + ")"
		}
		if k.Fault == client.FaultForeign {
			return "a key of type " + k.Type + " (" + k.Label() + ")"
		}
	}
	return ""
}

// missingAlgorithm names the algorithm that this ssh and the server would agree on and that
// our library does not have, nor any other that both sides would take; or "".
func (w *walker) missingAlgorithm() string {
	k, have := w.obs.Kex, w.algorithms()
	safe, weak := ssh.SupportedAlgorithms().HostKeys, ssh.InsecureAlgorithms().HostKeys
	lists := map[string][]string{"kexalgorithms": have.KeyExchanges, "ciphers": have.Ciphers, "macs": have.MACs, "hostkeyalgorithms": slices.Concat(safe, weak)}
	for _, n := range k.Negotiate() {
		ours := lists[n.Keyword]
		common := func(a string) bool {
			return slices.Contains(n.Server, a) && slices.Contains(ours, a) && !client.IsMarker(a)
		}
		if len(n.Client) > 0 && !slices.ContainsFunc(n.Client, common) {
			return n.Choice
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
