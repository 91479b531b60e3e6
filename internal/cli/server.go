package cli

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"sshwhy/internal/evidence"
	"sshwhy/internal/evidence/local"
	"sshwhy/internal/evidence/replay"
	"sshwhy/internal/evidence/script"
	"sshwhy/internal/evidence/via"
	"sshwhy/internal/facts"
	"sshwhy/internal/proc"
	"sshwhy/internal/remedy"
	"sshwhy/internal/report"
	"sshwhy/internal/server"
	"sshwhy/internal/shquote"
)

// serverFlags say whom the question is about and where to look.
type serverFlags struct {
	client string
	user   string
	port   int
	keys   []string // fingerprints of the keys the visitor offers
	from   string   // a recorded bundle
	via    string   // a command that gives a shell on the machine
}

func newServer(a *app) *cobra.Command {
	var f serverFlags
	var fix fixFlags
	cmd := &cobra.Command{
		Use:   "server",
		Short: "Diagnose the SSH server on this machine (run it with sudo)",
		Long: `Diagnose the SSH server on this machine: package, service, configuration,
sockets, network, firewall and access rules. Without root it does what it can,
and says what root would add.

  sudo sshwhy server
  sudo sshwhy server --client 192.0.2.7 --user alice
  sshwhy server --from web1.sshwhy
  sshwhy server --via 'docker exec -i web1 sh'`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			q, err := f.query()
			if err != nil {
				return err
			}
			if err := fix.check(); err != nil {
				return err
			}
			diagnose := func(ctx context.Context, look remedy.Look) (*report.Report, error) {
				q := q
				if as := look.As; as != nil {
					q = server.Query{User: as.User, Client: as.From.Addr(), Port: int(as.To.Port())}
				}
				if !look.Changed.IsZero() {
					q.Changed = look.Changed.Unix()
				}
				b, err := a.evidence(ctx, q, f)
				if err != nil {
					return nil, err
				}
				return server.Diagnose(b, q, version()), nil
			}
			if fix.fix && !fix.dryRun && f.from == "" && f.via == "" && os.Geteuid() > 0 {
				return usage(a.asRoot("run it as root"), "mending this machine's SSH server needs root")
			}
			r, err := diagnose(cmd.Context(), remedy.Look{})
			if err != nil || !fix.fix {
				if r != nil && f.from == "" && f.via == "" {
					r.PendingFix = pending()
					defer a.tellPending(r.PendingFix)
				}
				defer a.offerSudo(r, f)
				return a.finishOr(r, err)
			}
			if f.from != "" || f.via != "" {
				return usage("run it on the machine itself: sudo sshwhy server --fix", "only the machine this runs on can be mended")
			}
			return a.mend(cmd.Context(), fix, remedy.Options{Where: report.OnServer, Client: f.client}, r, diagnose, (&doors{visitor: f.client}).verify)
		},
	}
	f.add(cmd)
	fix.add(cmd)
	cmd.Flags().StringVar(&f.from, "from", "", "diagnose a recorded bundle instead of this machine (- for standard input)")
	cmd.Flags().StringVar(&f.via, "via", "", "diagnose the machine that this command gives a shell on: 'docker exec -i web1 sh'")
	a.commonFlags(cmd)
	return cmd
}

// offerSudo names the command that sees more, where root is all that is missing.
func (a *app) offerSudo(r *report.Report, f serverFlags) {
	if r == nil || len(r.Incomplete) == 0 || a.json || f.from != "" || f.via != "" || os.Geteuid() <= 0 {
		return
	}
	if how := asRoot("sshwhy server" + f.question()); how != "" {
		fmt.Fprintln(a.Out, "\n  With root it can look at more: "+how)
	}
}

// asRoot is the command typed just now, as root; without a program that makes
// one root, what to do instead.
func (a *app) asRoot(otherwise string) string {
	return cmp.Or(asRoot(shquote.Join(append([]string{"sshwhy"}, a.args...))), otherwise)
}

// asRoot is a command as an ordinary user of this machine runs it as root; ""
// where no program for that is found.
func asRoot(command string) string {
	for _, tool := range [...]string{"sudo", "doas", "su"} {
		if _, err := proc.UserFind(tool); err == nil {
			return facts.AsRoot(tool, command)
		}
	}
	return ""
}

// question is the flags that ask the same question again.
func (f serverFlags) question() string {
	var words string
	if f.client != "" {
		words += " --client " + f.client // an address, or query would have refused it
	}
	if f.user != "" {
		words += " --user " + shquote.Word(f.user)
	}
	for _, k := range f.keys {
		words += " --key " + shquote.Word(k)
	}
	if f.port != 0 {
		words += " --port " + strconv.Itoa(f.port)
	}
	return words
}

// add defines the flags that say which visitor is asked about.
func (f *serverFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.client, "client", "", "ask about a visitor from this address")
	cmd.Flags().StringVar(&f.user, "user", "", "ask about this login name")
	cmd.Flags().StringSliceVar(&f.keys, "key", nil, "with --user: ask about the key with this fingerprint (SHA256:…, from ssh-keygen -lf)")
	cmd.Flags().IntVarP(&f.port, "port", "p", 0, "ask about this port (default: the one sshd uses)")
}

// query checks what was typed.
func (f *serverFlags) query() (server.Query, error) {
	q := server.Query{User: f.user, Port: f.port, Keys: f.keys}
	for _, k := range f.keys {
		if !strings.HasPrefix(k, "SHA256:") {
			return q, usage("the visitor finds it with: ssh-keygen -lf ~/.ssh/id_ed25519.pub", "%q is no key's fingerprint, which begins with SHA256:", k)
		}
	}
	if f.from != "" && f.via != "" {
		return q, usage("choose one of them", "--from and --via are two ways of looking")
	}
	if f.port < 0 || f.port > 65535 {
		return q, usage("a port is a number from 1 to 65535", "%d is no port", f.port)
	}
	if f.client != "" {
		addr, err := netip.ParseAddr(f.client)
		if err != nil {
			return q, usage("give the visitor's IP address, for example --client 192.0.2.7", "%q is no IP address", f.client)
		}
		q.Client = addr.Unmap()
	}
	for _, c := range f.user {
		if c <= ' ' || c == 0x7f || c == '/' || c == ':' {
			return q, usage("a login name has no spaces, colons or slashes", "%q is no login name", f.user)
		}
	}
	return q, nil
}

// evidence looks at this machine, or reads what was recorded on another.
func (a *app) evidence(ctx context.Context, q server.Query, f serverFlags) (*evidence.Bundle, error) {
	if f.from != "" {
		return a.readBundle(f.from)
	}
	if f.via != "" {
		return a.lookThrough(ctx, q, f.via)
	}
	live := a.liveLine()
	defer live.clear()
	live.show("looking at this machine")
	b, err := local.Fill(ctx, server.Manifest(q), local.Options{Tool: version()})
	if err == nil && os.Geteuid() == 0 {
		err = settleFirewall(ctx, b, q)
	}
	return b, err
}

// lookThrough looks at another machine through a command that gives a shell there.
// There is no live line: the command may ask for a password.
func (a *app) lookThrough(ctx context.Context, q server.Query, command string) (*evidence.Bundle, error) {
	b, err := via.Fill(ctx, via.Words(command), server.Manifest(q), via.Options{Tool: version()})
	if err != nil && len(b.Keys()) == 0 {
		return nil, usage("it must give a POSIX shell on that machine: --via 'docker exec -i web1 sh', --via 'ssh root@web1 sh'",
			"--via %s: %s", command, err)
	}
	return b, nil // what was lost on the way is in the bundle, with its reason
}

// readBundle reads a recorded bundle from a file or from standard input.
func (a *app) readBundle(name string) (*evidence.Bundle, error) {
	read := func() (*evidence.Bundle, error) { return replay.Open(name) }
	if name == "-" {
		if in, ok := a.In.(*os.File); ok && term.IsTerminal(int(in.Fd())) {
			fmt.Fprintln(a.Err, "Paste what the script printed, then press Ctrl-D on a line of its own.")
		}
		read = func() (*evidence.Bundle, error) { return bundleOrPaste(a.In) }
	}
	b, err := read()
	var path *os.PathError
	switch {
	case errors.As(err, &path):
		return nil, usage("give a file made by sshwhy collect -o FILE", "cannot read the bundle: %s", reason(err))
	case err != nil:
		return nil, usage("a bundle is made by sshwhy collect -o FILE; copy it whole", "%s", err)
	}
	return b, nil
}

// pasteLimit bounds what is read of a console's output, in bytes: the script caps
// what it prints far below.
const pasteLimit = 64 << 20

// bundleOrPaste reads a bundle, or what the script of collect --script printed
// on a console. A bundle begins with a brace, or with the magic of gzip.
func bundleOrPaste(r io.Reader) (*evidence.Bundle, error) {
	in := bufio.NewReader(r)
	for {
		c, err := in.Peek(1)
		if err != nil {
			return nil, errors.New("nothing was pasted")
		}
		if c[0] == '{' || c[0] == 0x1f {
			return replay.Read(in)
		}
		if c[0] > ' ' || c[0] == 0x1b {
			return script.Parse(io.LimitReader(in, pasteLimit))
		}
		_, _ = in.ReadByte() // white space, which Peek has seen
	}
}

// noArgs refuses words that a command does not take.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) > 0 {
		return usage(commandPath(cmd)+" --help lists what it takes", "unexpected argument %q", args[0])
	}
	return nil
}

// reason is an error in the system's own words, without the path that the
// message names already.
func reason(err error) string {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Path + ": " + p.Err.Error()
	}
	return err.Error()
}
